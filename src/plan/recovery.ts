// What a statement that ran outside a transaction left behind when its runner died, and what to do about it.
//
// Invariant: before such a statement runs, what it is about to change was written down (`look`). After a crash the
// same look, compared with the one written down, says whether it was carried out; where it was carried out by half
// (an INVALID index, a pending detach) the remains are cleared first, and it runs again.

import { quoteQualified } from '../sql/quote.ts'
import { sql, type Sql } from '../sql/sql.ts'
import { StrataError } from '../base/errors.ts'
import { sqlstate, sqlstateOf } from '../sql/sqlstate.ts'
import type { Queryable } from '../db/db.ts'
import type { OutsideEffect } from './classify.ts'

/** What stood in the catalog before the statement: small, and JSON. */
export type Look = Readonly<Record<string, unknown>>

export type Remains =
  | { readonly verdict: 'done' }
  /** Run it (again), after `clear`. */
  | { readonly verdict: 'run'; readonly clear: readonly Sql[] }

export async function look(on: Queryable, effect: OutsideEffect): Promise<Look> {
  switch (effect.kind) {
    case 'create-index':
      return { index: (await findIndex(on, effect))?.oid ?? null }
    case 'drop-index':
      return { present: await presentIndexes(on, effect.indexes) }
    case 'presence':
      return { present: await isPresent(on, effect) }
    case 'detach':
      return { attached: await attachment(on, effect.parent, effect.partition) }
    case 'reindex':
      return { leftovers: (await reindexLeftovers(on)).map((leftover) => leftover.oid) }
    case 'unknown':
    case 'repeatable':
      return {}
  }
}

/** `before` is the look written down by the runner that died; undefined where nothing was begun. */
export async function examine(on: Queryable, effect: OutsideEffect, before: Look | undefined): Promise<Remains> {
  switch (effect.kind) {
    case 'create-index':
      return await examineIndex(on, effect, before)
    case 'drop-index':
      return await examineDrop(on, effect, before)
    case 'presence':
      return before?.['present'] === !effect.comes && (await isPresent(on, effect)) === effect.comes
        ? { verdict: 'done' }
        : run()
    case 'detach':
      return await examineDetach(on, effect, before)
    case 'reindex':
      return await examineReindex(on, before)
    case 'unknown':
      if (before !== undefined) throw undecided()
      return run()
    case 'repeatable':
      return run()
  }
}

function undecided(): StrataError {
  return new StrataError('MIGRATION_UNFINISHED', {
    message:
      'The last run ended inside a statement that commits by itself (DO or CALL): how far it came cannot be told',
    advice:
      'Look at what it did. Then run `pgstrata migrate settle <name> --again` to run it once more, or `--done` to go on after it.',
  })
}

function run(...clear: readonly Sql[]): Remains {
  return { verdict: 'run', clear }
}

interface FoundIndex {
  readonly oid: string
  readonly schema: string
  readonly name: string
  /** Quoted. */
  readonly table: string
  readonly valid: boolean
  readonly building: boolean
}

type CreateIndex = Extract<OutsideEffect, { kind: 'create-index' }>

async function findIndex(on: Queryable, effect: CreateIndex): Promise<FoundIndex | undefined> {
  const table = quoteQualified(...(effect.schema === null ? [] : [effect.schema]), effect.table)
  const { rows } = await on.query<FoundIndex>(sql`
    select i.indexrelid::text as oid, n.nspname::text as schema, c.relname::text as name, i.indisvalid as valid,
      i.indrelid::regclass::text as "table",
      exists (select from pg_stat_progress_create_index p where p.index_relid = i.indexrelid) as building
    from pg_index i
    join pg_class c on c.oid = i.indexrelid
    join pg_namespace n on n.oid = c.relnamespace
    where i.indrelid = to_regclass(${table})
      and c.relname = ${effect.index}`)
  return rows[0]
}

async function examineIndex(on: Queryable, effect: CreateIndex, before: Look | undefined): Promise<Remains> {
  const found = await findIndex(on, effect)
  if (found === undefined) return run()
  if (found.valid) {
    // Ours if it was not there before; otherwise IF NOT EXISTS or the server's own error says the rest.
    return before !== undefined && found.oid !== before['index'] ? { verdict: 'done' } : run()
  }
  if (found.building) {
    throw beingBuilt(found)
  }
  await requireIdle(on, found)
  return run(sql`drop index concurrently if exists ${sql.ident(found.schema, found.name)}`)
}

/**
 * Another role's build is not shown in pg_stat_progress_create_index without pg_read_all_stats, but every build holds
 * SHARE UPDATE EXCLUSIVE on the table: an INVALID index is abandoned only if that lock is to be had.
 */
async function requireIdle(
  on: Queryable,
  index: { readonly schema: string; readonly name: string; readonly table: string },
): Promise<void> {
  await on.query(sql`begin`)
  try {
    await on.query(sql.raw(`lock table ${index.table} in share update exclusive mode nowait`))
  } catch (error) {
    if (sqlstateOf(error) !== sqlstate.lockNotAvailable) throw error
    throw beingBuilt(index)
  } finally {
    await on.query(sql`rollback`)
  }
}

function beingBuilt(index: { readonly schema: string; readonly name: string }): StrataError {
  return new StrataError('LOCK_BUSY', {
    message: `Index ${quoteQualified(index.schema, index.name)} is being built, or its table is being worked on, by another session right now`,
    advice: 'Wait until it is done (pg_stat_progress_create_index shows how far it is), then run the command again.',
  })
}

async function presentIndexes(on: Queryable, indexes: readonly (readonly string[])[]): Promise<boolean[]> {
  const present: boolean[] = []
  for (const parts of indexes) {
    const { rows } = await on.query(sql`select where to_regclass(${quoteQualified(...parts)}) is not null`)
    present.push(rows.length > 0)
  }
  return present
}

async function examineDrop(
  on: Queryable,
  effect: Extract<OutsideEffect, { kind: 'drop-index' }>,
  before: Look | undefined,
): Promise<Remains> {
  const was = before?.['present'] as readonly boolean[] | undefined
  if (was === undefined || !was.includes(true)) return run()
  return (await presentIndexes(on, effect.indexes)).includes(true) ? run() : { verdict: 'done' }
}

type Presence = Extract<OutsideEffect, { kind: 'presence' }>

const presenceQueries: Readonly<Record<Presence['catalog'], (name: string) => Sql>> = {
  pg_database: (name) => sql`select from pg_database where datname = ${name}`,
  pg_tablespace: (name) => sql`select from pg_tablespace where spcname = ${name}`,
  pg_subscription: (name) => sql`
    select from pg_subscription
    where subname = ${name}
      and subdbid = (select oid from pg_database where datname = current_database())`,
}

async function isPresent(on: Queryable, effect: Presence): Promise<boolean> {
  return (await on.query(presenceQueries[effect.catalog](effect.name))).rows.length > 0
}

type Attachment = 'attached' | 'pending' | 'none'

async function attachment(on: Queryable, parent: readonly string[], partition: readonly string[]): Promise<Attachment> {
  const { rows } = await on.query<{ pending: boolean }>(sql`
    select inhdetachpending as pending
    from pg_inherits
    where inhparent = to_regclass(${quoteQualified(...parent)})
      and inhrelid = to_regclass(${quoteQualified(...partition)})`)
  if (rows[0] === undefined) return 'none'
  return rows[0].pending ? 'pending' : 'attached'
}

async function examineDetach(
  on: Queryable,
  effect: Extract<OutsideEffect, { kind: 'detach' }>,
  before: Look | undefined,
): Promise<Remains> {
  const now = await attachment(on, effect.parent, effect.partition)
  if (now === 'none' && before !== undefined && before['attached'] !== 'none') return { verdict: 'done' }
  if (now !== 'pending') return run()
  // A pending detach blocks every further one, and only FINALIZE ends it: that carries the statement out.
  await on.query(
    sql`alter table ${sql.ident(...effect.parent)} detach partition ${sql.ident(...effect.partition)} finalize`,
  )
  return { verdict: 'done' }
}

interface Leftover {
  readonly oid: string
  /** Quoted. */
  readonly table: string
  readonly schema: string
  readonly name: string
}

/** REINDEX CONCURRENTLY that died leaves INVALID indexes named …_ccnew or …_ccold (15 to 18, §REINDEX). */
async function reindexLeftovers(on: Queryable): Promise<readonly Leftover[]> {
  const { rows } = await on.query<Leftover>(sql`
    select c.oid::text as oid, n.nspname::text as schema, c.relname::text as name, i.indrelid::regclass::text as "table"
    from pg_index i
    join pg_class c on c.oid = i.indexrelid
    join pg_namespace n on n.oid = c.relnamespace
    where not i.indisvalid
      and c.relname ~ '_cc(new|old)[0-9]*$'
      and n.nspname <> 'pg_toast'
      and not exists (select from pg_stat_progress_create_index p where p.relid = i.indrelid)
    order by c.oid`)
  return rows
}

/** Only what appeared since the look was written down is ours to clear. */
async function examineReindex(on: Queryable, before: Look | undefined): Promise<Remains> {
  const known = new Set((before?.['leftovers'] ?? []) as readonly string[])
  const ours = before === undefined ? [] : (await reindexLeftovers(on)).filter((leftover) => !known.has(leftover.oid))
  for (const leftover of ours) await requireIdle(on, leftover)
  return run(
    ...ours.map((leftover) => sql`drop index concurrently if exists ${sql.ident(leftover.schema, leftover.name)}`),
  )
}
