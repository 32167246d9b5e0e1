// What is declared of one table, checked and complete: how it is laid out in time and space, and how long its rows live.

import type { Result } from '../db/db.ts'

export const grains = ['hour', 'day', 'week', 'month', 'quarter', 'year'] as const
export type Grain = (typeof grains)[number]

export interface HashSplit {
  readonly column: string
  readonly into: number
}

export type Layout =
  | {
      readonly kind: 'time'
      /** date, timestamp, timestamptz, or uuid (version 7). */
      readonly column: string
      readonly grain: Grain
      /** Where days begin. `hour` is always UTC: an hour comes twice when clocks go back. */
      readonly zone: string
      /** Each period is divided again. */
      readonly split: HashSplit | undefined
    }
  | {
      readonly kind: 'id'
      readonly column: string
      /** How many ids one partition holds. */
      readonly step: bigint
      readonly split: HashSplit | undefined
    }
  | ({ readonly kind: 'hash' } & HashSplit)

/** A span as Postgres takes it: '90 days', '2 years'. */
type Span = string

export interface Retention {
  /** Partitions that end before now − `age` go; or all but the `count` newest that have begun. */
  readonly keep: { readonly age: Span } | { readonly count: number }
  /** Between taking a partition out and dropping it. */
  readonly grace: Span
  /** What happens to a partition that was taken out and whose grace is over. */
  readonly finally: 'drop' | 'keep'
  /** Must have resolved before anything is dropped. */
  readonly archive: ArchiveHook | undefined
}

export interface RetiredPartition {
  readonly schema: string
  readonly table: string
  readonly partition: string
  readonly lower: string | null
  readonly upper: string | null
}

/** Hands a partition that was taken out (an ordinary table now) to somebody else. Called again until it resolves. */
export type ArchiveHook = (
  partition: RetiredPartition,
  tools: { readonly query: (text: string) => Promise<Result<Record<string, unknown>>>; readonly signal: AbortSignal },
) => Promise<void>

/** An index of every partition, which the parent need not have (and often cannot: a unique one without its column). */
export interface PartitionIndex {
  /** Ends the name: `<partition>_<name>`. */
  readonly name: string
  /** What stands between the parentheses: 'song_id, played_at desc'. */
  readonly on: string
  readonly unique: boolean
  readonly method: string
  readonly where: string | undefined
  readonly include: readonly string[]
  readonly with: Readonly<Record<string, string>>
}

/** What a conversion may do only if somebody said so. */
export const consents = ['wider-keys', 'drop-incoming-foreign-keys', 'publish-via-root', 'drop-unique'] as const
export type Consent = (typeof consents)[number]

export interface PartitionedTable {
  /** Its key under `tables`. */
  readonly key: string
  readonly schema: string
  readonly table: string
  readonly layout: Layout
  /** Periods that are there before they begin. */
  readonly ahead: number
  /** Where the first partition begins; undefined: with the period of now (or, for ids, with that of the largest). */
  readonly from: string | undefined
  /** '{table}_{period}' */
  readonly names: string
  readonly outside: 'refuse' | 'default'
  readonly retain: Retention | undefined
  readonly indexes: readonly PartitionIndex[]
  /** A BRIN index on the time column, where the rows stand in its order. */
  readonly brin: boolean
  /** Storage settings of each partition: fillfactor, autovacuum_… */
  readonly storage: Readonly<Record<string, string>>
  /** Statistics targets by column. */
  readonly statistics: Readonly<Record<string, number>>
  readonly accept: readonly Consent[]
}
