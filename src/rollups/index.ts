// pgstrata/rollups: aggregates that are never stale and never recomputed.

export {
  avg,
  count,
  countDistinct,
  countIf,
  first,
  last,
  max,
  min,
  mode,
  percentile,
  sum,
  sumIf,
  topK,
  type Avg,
  type Count,
  type CountDistinct,
  type DistinctOptions,
  type End,
  type EndOptions,
  type Extremum,
  type FilterOptions,
  type Mode,
  type Percentile,
  type PercentileOptions,
  type Sum,
  type SumOptions,
  type TopK,
} from './model/declare.ts'
export { findClash } from './model/clashes.ts'
export { ownRelations } from './model/own-relations.ts'
export { defaultError } from './model/values.ts'
export { createRollups, type MergeAllOptions, type Rollups } from './facade.ts'
export { type MergedRollup } from './merge-now.ts'
export type { DeclaredRollups } from './readers.ts'
export type { DeclaredRollup, Reader, ReaderOf, ReadersOf, TotalsReader } from './read/types.ts'
export {
  timeUnits,
  type Bucket,
  type BucketSpan,
  type Measure,
  type Rollup,
  type TimeUnit,
  type Totals,
  type WindowSpan,
} from './model/options.ts'
export { type RollupExplanation } from './explain.ts'
export { type RollupStatus } from './status.ts'
export { type OldestSnapshot } from './job/snapshots.ts'
export { type Verification } from './merge/verify.ts'
export { type FillProgress } from './merge/fill.ts'
