// What is declared of one table's tiers, checked and complete: when a partition is packed or rewritten, and when it goes to the
// archive.

import type { PartitionedTable, PartitionIndex } from '../../partitions/for-tiers.ts'

export interface TieredTable {
  readonly partitioned: PartitionedTable
  readonly warm: Warm | undefined
  readonly cold: Cold | undefined
}

/** A partition is due when its end is that old (a span as Postgres takes it: '30 days'), or when that many newer ones have begun. */
export type Rule = { readonly age: string } | { readonly count: number }

export const strengths = ['slim', 'packed'] as const
export type Strength = (typeof strengths)[number]

export interface Warm {
  readonly due: Rule | undefined
  /** The oldest are due while ordinary partitions take more. */
  readonly overBytes: number | undefined
  /** Nobody has read it for that long, where the server says so (16 and newer). */
  readonly unread: string | undefined
  readonly strength: Strength
  /** Columns whose values a segment has in common; none: segments are cut from the rows in order. */
  readonly segmentBy: readonly string[]
  /** Never empty: the partition's column where nothing is declared. */
  readonly orderBy: readonly SegmentOrder[]
  /** Of a segment, at most. */
  readonly rows: number
  /** Of a slim partition, instead of those that are declared for each partition. */
  readonly indexes: readonly PartitionIndex[]
  readonly accept: readonly TierConsent[]
}

export interface SegmentOrder {
  readonly column: string
  readonly descending: boolean
}

export interface Cold {
  readonly due: Rule
  /** Between the verified archive and the drop. */
  readonly grace: string
  /** Another store than that of `archive`. */
  readonly to: string | undefined
}

export const tierConsents = ['unenforced-references'] as const
export type TierConsent = (typeof tierConsents)[number]
