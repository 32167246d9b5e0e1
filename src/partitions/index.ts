// pgstrata/partitions: tables laid out in time and space, and kept so.

export { createPartitions, type Partitions } from './facade.ts'
export {
  consents,
  grains,
  type ArchiveHook,
  type Consent,
  type Grain,
  type HashSplit,
  type Layout,
  type PartitionedTable,
  type PartitionIndex,
  type RetiredPartition,
  type Retention,
} from './options.ts'
export {
  type NextAction,
  type PartitionFinding,
  type PartitionStatus,
  type RetiredStatus,
  type TableStatus,
} from './status.ts'
export { explainOutside } from './outside.ts'
