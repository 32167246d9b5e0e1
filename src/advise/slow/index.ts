// The eight steps for when a database has become slow, in the order they are taken.

import { bloat } from './bloat.ts'
import { cacheHits } from './cache-hits.ts'
import { missingIndexes } from './missing-indexes.ts'
import { partitionCandidates } from './partition-candidates.ts'
import { queryPlans } from './query-plans.ts'
import { saturation } from './saturation.ts'
import { slowQueries } from './slow-queries.ts'
import type { SlowStep } from './step.ts'
import { viewFreshness } from './view-freshness.ts'

export const slowSteps: readonly SlowStep[] = [
  viewFreshness,
  slowQueries,
  cacheHits,
  missingIndexes,
  queryPlans,
  saturation,
  bloat,
  partitionCandidates,
]
