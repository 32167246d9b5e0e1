// pgstrata/tiers: partitions that are packed, slimmed and archived as they grow old.

export { readArchives, type ArchiveRecord } from './archive/catalog.ts'
export type { CheckReport } from './archive/check.ts'
export type { StoredArchive } from './archive/stored.ts'
export {
  createArchives,
  type ArchiveFitting,
  type ArchiveQueryOptions,
  type ArchiveRows,
  type Archives,
  type ArchiveSource,
} from './archive-facade.ts'
export type { ArchiveSettings } from './archive-settings.ts'
export { createTiers, type MovedPartition, type Tiers } from './facade.ts'
export type { TierFinding } from './findings.ts'
export {
  strengths,
  tierConsents,
  type Cold,
  type Rule,
  type SegmentOrder,
  type Strength,
  type TierConsent,
  type TieredTable,
  type Warm,
} from './model/options.ts'
export type { Move, Rest, State } from './model/states.ts'
export type { PackedColumnReport, PackReport } from './pack-report.ts'
export type { ReadTier } from './read/asked.ts'
export type { TierReader } from './read/reader.ts'
export type { HistoryRow, RowOptions } from './read/rows.ts'
export type { NextMove, TierPartitionStatus } from './status-partitions.ts'
export type { TableTierStatus } from './status.ts'
