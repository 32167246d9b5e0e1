// pgstrata/rollups: aggregates that are never stale and never recomputed.

export { avg, count, countIf, sum, sumIf, type Avg, type Count, type Sum, type SumOptions } from './declare.ts'
export { createRollups, type Rollups } from './facade.ts'
export type { DeclaredRollups } from './readers.ts'
export type { DeclaredRollup, Reader, ReaderOf, ReadersOf } from './read/types.ts'
export { type AdditiveMeasure, type Bucket, type BucketSpan, type Rollup } from './options.ts'
export { type RollupStatus } from './status.ts'
export { type Verification } from './verify.ts'
export { type FillProgress } from './fill.ts'
