// A table is read from end to end for a few of its rows.

import { quoteQualified } from '../../../sql/quote.ts'
import { describeNode, type PlanNode } from '../../plan/node.ts'
import { count, isSequential, percent, type Found, type InsightRule } from '../insight.ts'

const removedAtLeast = 10_000
const removedShare = 0.5

export const slowScan: InsightRule = {
  name: 'slow-scan',
  summary: 'A table is read whole, and most of what is read is thrown away',
  speaks: 'a Seq Scan whose filter removes more than half of the rows, and at least 10,000 of them',
  why: 'An index over the columns of the filter reads only the rows that are wanted; a scan grows with the table.',
  needsRun: true,
  look: ({ nodes }) => nodes.filter(isSequential).flatMap(look),
}

function look(node: PlanNode): Found[] {
  const { actual } = node
  if (actual === undefined || actual.removed.filter < removedAtLeast) return []
  const share = actual.removed.filter / (actual.removed.filter + actual.rows)
  if (share <= removedShare) return []
  const each = actual.loops === 1 ? '' : ` in ${count(actual.loops)} loops`
  return [
    {
      node,
      what: `${describeNode(node)} threw away ${count(actual.removed.filter)} of ${count(actual.removed.filter + actual.rows)} rows (${percent(share)})${each}`,
      advice: `Make an index for the filter ${node.conditions.Filter ?? ''}; suggestIndexes() works one out for ${quoteQualified(node.relation ?? 'it')}.`,
      saves: share,
    },
  ]
}
