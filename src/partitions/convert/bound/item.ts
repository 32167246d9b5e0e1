// Everything that is bound to a table, as items: what becomes of each when the table is converted. An item is carried over by
// its statements, refused with a way out, or waits for consent.
//
// A conversion goes through five phases, and each item says what it does in which. Names in the statements are final: before the
// swap the new parent is called `names.incoming` and the old table by its own name; in `adopt` and `settle` the new parent has
// the name of the table, and the old one is called `names.retired`.

import type { Consent, Layout } from '../../options.ts'

/**
 * `empty`: the table has no rows; it is replaced in one transaction. `relabel`: the old table becomes the first partition.
 * `copy`: its rows are copied, and it is set aside.
 */
export type Method = 'empty' | 'relabel' | 'copy'

export interface ConversionNames {
  readonly schema: string
  readonly table: string
  /** The new parent until the swap. */
  readonly incoming: string
  /** The old table from the swap on: the first partition (`relabel`), set aside (`copy`), dropped at once (`empty`). */
  readonly retired: string
}

export interface BoundSubject {
  readonly names: ConversionNames
  readonly method: Method
  readonly layout: Layout
  readonly accept: readonly Consent[]
}

export const phases = ['prepare', 'filled', 'release', 'adopt', 'settle'] as const
/**
 * `prepare`: on the new parent, which nobody uses yet and which has no partitions. `filled`: after the copy, before the last
 * catching up (for `relabel` and `empty`, directly behind `prepare`, before partitions are made). `release`: in the swap, before names are
 * exchanged. `adopt`: in the swap, behind that. `settle`: after the swap, outside of its transaction.
 */
export type Phase = (typeof phases)[number]

type Verdict = 'carried' | 'refused' | 'consent'

export interface BoundItem {
  /** 'primary key', 'foreign key in', 'view', 'trigger' … */
  readonly kind: string
  /** Its name, as SQL writes it. */
  readonly name: string
  readonly verdict: Verdict
  /** What becomes of it; or why it cannot be carried over. */
  readonly how: string
  /** For `refused` and `consent`: what a person can do. */
  readonly wayOut?: string
  /** For `consent`: the word that gives it. An item whose consent was given is `carried`. */
  readonly consent?: Consent
  /** Statements by phase, in order; each can be run again where it was run before, unless the phase is a transaction. */
  readonly statements: Readonly<Partial<Record<Phase, readonly string[]>>>
  /** `relabel`: unique indexes that the old table needs before the swap. */
  readonly needs?: readonly NeededKey[]
  /** Columns, as SQL writes them, that the old table may leave null and the new one may not. */
  readonly notNull?: readonly string[]
  /** Other tables that `release` and `adopt` lock, as SQL writes them. */
  readonly locks?: readonly string[]
  /**
   * The first statements of the swap, before the table itself is locked: they lock what is locked before the table by
   * whoever reads it through them (a view, a table whose policy or rule looks into it). The other way round a reader
   * would hold the view and wait for the table, and the swap hold the table and wait for the view.
   */
  readonly before?: readonly string[]
  /** What every leaf needs and cannot inherit. */
  readonly leaf?: LeafSettings
}

export interface NeededKey {
  /** Of the index; as SQL writes it, without its schema. */
  readonly name: string
  /** The columns of the key, as SQL writes them. */
  readonly columns: readonly string[]
  /** CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS: outside of a transaction. */
  readonly create: string
  /** Takes back what `create` left, valid or not; outside of a transaction too. */
  readonly drop: string
}

export interface LeafSettings {
  /** As SQL writes it. */
  readonly owner: string
  /** Storage options for WITH (…): 'fillfactor = 70, autovacuum_enabled = false'; empty: none. */
  readonly options: string
  /** What follows ALTER COLUMN of each leaf: 'song_id set statistics 500'. */
  readonly columns: readonly string[]
  /** 'full', 'nothing', or undefined: the primary key, or an index that `adopt` sets. */
  readonly replicaIdentity: 'full' | 'nothing' | undefined
}

/** The statements of one phase, in the order of the items. */
export function statementsOf(items: readonly BoundItem[], phase: Phase): readonly string[] {
  return items.flatMap((item) => item.statements[phase] ?? [])
}

export function keysNeeded(items: readonly BoundItem[]): readonly NeededKey[] {
  return items.flatMap((item) => item.needs ?? [])
}

export function notNullNeeded(items: readonly BoundItem[]): readonly string[] {
  return [...new Set(items.flatMap((item) => item.notNull ?? []))]
}

/** Other relations that the swap locks, each once, in the order of their names: the order to lock them in. */
export function locksNeeded(items: readonly BoundItem[]): readonly string[] {
  return [...new Set(items.flatMap((item) => item.locks ?? []))].toSorted((left, right) => (left < right ? -1 : 1))
}

/** To be run before the table is locked; each once, in the order of their names. */
export function statementsBeforeLock(items: readonly BoundItem[]): readonly string[] {
  return [...new Set(items.flatMap((item) => item.before ?? []))].toSorted((left, right) => (left < right ? -1 : 1))
}

export function leafSettings(items: readonly BoundItem[]): LeafSettings | undefined {
  return items.find((item) => item.leaf !== undefined)?.leaf
}

/** What a leaf, named as SQL writes it, needs beyond CREATE TABLE … PARTITION OF. Each can be run again. */
export function leafStatements(settings: LeafSettings, leaf: string): readonly string[] {
  const alter = `alter table only ${leaf}`
  return [
    `${alter} owner to ${settings.owner}`,
    ...(settings.options === '' ? [] : [`${alter} set (${settings.options})`]),
    ...settings.columns.map((column) => `${alter} alter column ${column}`),
    ...(settings.replicaIdentity === undefined ? [] : [`${alter} replica identity ${settings.replicaIdentity}`]),
  ]
}

type Told = Pick<BoundItem, 'kind' | 'name' | 'how'>

export function carried(told: Told, more: Partial<Omit<BoundItem, keyof Told | 'verdict'>> = {}): BoundItem {
  return { statements: {}, ...told, ...more, verdict: 'carried' }
}

export function refused(told: Told, wayOut: string): BoundItem {
  return { ...told, verdict: 'refused', wayOut, statements: {} }
}

/** `carried` where the word was given. */
export function withConsent(
  accept: readonly Consent[],
  asked: Told & { readonly consent: Consent; readonly wayOut: string },
  given: BoundItem,
): BoundItem {
  return accept.includes(asked.consent) ? given : { ...asked, verdict: 'consent', statements: {} }
}
