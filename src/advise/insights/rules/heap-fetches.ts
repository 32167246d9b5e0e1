// An index-only scan had to go to the table all the same.

import { quoteQualified } from '../../../sql/quote.ts'
import { describeNode, type PlanNode } from '../../plan/node.ts'
import { count, percent, type Found, type InsightRule } from '../insight.ts'

const fetchesAtLeast = 1_000
const share = 0.4

export const heapFetches: InsightRule = {
  name: 'heap-fetches',
  summary: 'An index-only scan goes to the table',
  speaks: 'an Index Only Scan that fetched more than 40 % of its rows from the table, and at least 1,000',
  why: 'Only VACUUM marks pages as visible to all; of the others the table has to be asked, row by row.',
  needsRun: true,
  look: ({ nodes }) => nodes.flatMap(look),
}

function look(node: PlanNode): Found[] {
  const { actual, heapFetches: fetched } = node
  if (actual === undefined || fetched === undefined || fetched < fetchesAtLeast) return []
  const rows = actual.rows + actual.removed.filter
  if (fetched / Math.max(1, rows) <= share) return []
  return [
    {
      node,
      what: `${describeNode(node)} fetched ${count(fetched)} rows from the table, for ${count(rows)} that it found (${percent(Math.min(1, fetched / Math.max(1, rows)))})`,
      advice:
        'Vacuum the table. If this comes back, lower autovacuum_vacuum_scale_factor and autovacuum_vacuum_insert_scale_factor of it; a long transaction keeps pages from becoming visible.',
      fix: node.relation === undefined ? [] : [`vacuum ${quoteQualified(node.schema ?? 'public', node.relation)}`],
      saves: 0.5,
    },
  ]
}
