// Pages that are far back are found by reading all before them.

import { describeNode, type PlanNode } from '../../plan/node.ts'
import { count, type Found, type Given, type InsightRule } from '../insight.ts'

const skippedAtLeast = 10_000

export const largeOffset: InsightRule = {
  name: 'large-offset',
  summary: 'OFFSET skips many rows',
  speaks: 'an OFFSET of at least 10,000 rows',
  why: 'Rows that are skipped are found, sorted and counted like all others: the last page costs as much as the whole.',
  needsRun: false,
  look: (given) => {
    const limit = given.nodes.find(({ type }) => type === 'Limit')
    return limit === undefined ? [] : look(limit, given)
  },
}

function look(limit: PlanNode, { statement }: Given): Found[] {
  const [below] = limit.children
  const ran = limit.actual !== undefined && below?.actual !== undefined
  // A Limit takes no more from below than it gives, but for what OFFSET skips.
  const skipped =
    ran && !/Gather/.test(below.type) ? (below.actual?.rows ?? 0) - (limit.actual?.rows ?? 0) : (statement?.offset ?? 0)
  if (below === undefined || skipped < skippedAtLeast) return []
  const share = skipped / (skipped + (limit.actual?.rows ?? 1))
  return [
    {
      node: limit,
      what: `${count(skipped)} rows of ${describeNode(below)} were skipped by OFFSET`,
      advice:
        'Ask for what comes after the last row seen (`where (played_at, id) < ($1, $2) order by played_at desc, id desc limit 20`); strata.paginate() does it.',
      ...(below.actual?.totalMs === undefined ? { saves: share } : { savesMs: below.actual.totalMs * share }),
    },
  ]
}
