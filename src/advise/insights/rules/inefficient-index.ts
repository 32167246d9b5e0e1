// An index finds far more rows than are wanted.

import { describeNode, type PlanNode } from '../../plan/node.ts'
import { count, isIndexScan, percent, type Found, type InsightRule } from '../insight.ts'

const removedAtLeast = 1_000
const removedShare = 0.9

export const inefficientIndex: InsightRule = {
  name: 'inefficient-index',
  summary: 'An index finds far more rows than are wanted',
  speaks: 'an index or bitmap scan of which the filter or the recheck removes more than 90 %, and at least 1,000 rows',
  why: 'Each of those rows was looked up in the table. An index that has the columns of the filter too does not find them.',
  needsRun: true,
  look: ({ nodes }) => nodes.flatMap(look),
}

function look(node: PlanNode): Found[] {
  const { actual, conditions } = node
  const byIndex = isIndexScan(node) && conditions['Index Cond'] !== undefined
  if (actual === undefined || (!byIndex && !node.type.endsWith('Bitmap Heap Scan'))) return []
  // What a lossy bitmap has to look through again is another matter: lossy-bitmap.
  const rechecked = (node.bitmap?.lossy ?? 0) > 0 ? 0 : actual.removed.recheck
  const removed = actual.removed.filter + rechecked
  const share = removed / (removed + actual.rows)
  if (removed < removedAtLeast || share <= removedShare) return []
  return [
    {
      node,
      what: `${describeNode(node)} found ${count(removed + actual.rows)} rows by ${conditions['Index Cond'] ?? conditions['Recheck Cond'] ?? 'its condition'} and threw away ${count(removed)} (${percent(share)})`,
      advice:
        conditions.Filter === undefined
          ? 'The index cannot answer the condition exactly: use one whose operator class can.'
          : `Add the columns of ${conditions.Filter} to the index, after those it finds rows by; or make it partial where they are constants.`,
      saves: share,
    },
  ]
}
