// All rules, as docs/explain.md lists them.

import type { InsightRule } from '../insight.ts'
import { coldReads } from './cold-reads.ts'
import { correlatedSubplan } from './correlated-subplan.ts'
import { disabledNodes } from './disabled-nodes.ts'
import { diskSort } from './disk-sort.ts'
import { functionInPredicate } from './function-in-predicate.ts'
import { genericPlan } from './generic-plan.ts'
import { hashBatches } from './hash-batches.ts'
import { heapFetches } from './heap-fetches.ts'
import { indexSearches } from './index-searches.ts'
import { inefficientIndex } from './inefficient-index.ts'
import { jit } from './jit.ts'
import { largeOffset } from './large-offset.ts'
import { leadingWildcard } from './leading-wildcard.ts'
import { lossyBitmap } from './lossy-bitmap.ts'
import { materializedCte } from './materialized-cte.ts'
import { memoize } from './memoize.ts'
import { misestimate } from './misestimate.ts'
import { nestedLoop } from './nested-loop.ts'
import { nonHotUpdates } from './non-hot-updates.ts'
import { notInSubquery } from './not-in-subquery.ts'
import { orAcrossTables } from './or-across-tables.ts'
import { orderLimit } from './order-limit.ts'
import { planningTime } from './planning-time.ts'
import { serialization } from './serialization.ts'
import { slowScan } from './slow-scan.ts'
import { staleStatistics } from './stale-statistics.ts'
import { tempFiles } from './temp-files.ts'
import { triggerTime } from './trigger-time.ts'
import { unprunedPartitions } from './unpruned-partitions.ts'
import { wideRows } from './wide-rows.ts'
import { workers } from './workers.ts'

export const insightRules: readonly InsightRule[] = [
  slowScan,
  inefficientIndex,
  misestimate,
  staleStatistics,
  diskSort,
  hashBatches,
  lossyBitmap,
  heapFetches,
  nestedLoop,
  orderLimit,
  orAcrossTables,
  largeOffset,
  jit,
  planningTime,
  triggerTime,
  workers,
  memoize,
  coldReads,
  tempFiles,
  functionInPredicate,
  leadingWildcard,
  notInSubquery,
  wideRows,
  unprunedPartitions,
  materializedCte,
  correlatedSubplan,
  genericPlan,
  nonHotUpdates,
  serialization,
  disabledNodes,
  indexSearches,
]
