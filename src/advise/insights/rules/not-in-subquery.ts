// NOT IN over a subquery cannot become a join.

import { describeNode, listNodes, type PlanNode } from '../../plan/node.ts'
import { count, type Found, type InsightRule } from '../insight.ts'

const rowsAtLeast = 10_000

/** As EXPLAIN prints it: up to 16 'NOT (hashed SubPlan 1)', since 'NOT (ANY (… = (hashed SubPlan 1).col1))'. */
const notIn = /NOT \((?:ANY \(|hashed SubPlan|SubPlan)/

export const notInSubquery: InsightRule = {
  name: 'not-in-subquery',
  summary: 'NOT IN over a subquery',
  speaks: 'a filter with NOT IN whose subquery gives at least 10,000 rows, over all times that it ran',
  why: 'NULL makes NOT IN unknown, so it cannot become a join: the answer is kept whole in memory, or looked through for every row.',
  needsRun: false,
  look: ({ nodes }) => nodes.flatMap(look),
}

function look(node: PlanNode): Found[] {
  if (!notIn.test(node.conditions.Filter ?? '')) return []
  const subplan = node.children.find(({ relationship }) => relationship === 'SubPlan')
  const rows = subplan?.actual?.rows ?? subplan?.planRows ?? 0
  if (subplan === undefined || rows < rowsAtLeast) return []
  const inside = listNodes(subplan).find(({ relation }) => relation !== undefined) ?? subplan
  return [
    {
      node,
      what: `${describeNode(node)} looks each of its rows up in ${count(rows)} rows of ${describeNode(inside)} (NOT IN)`,
      advice:
        'Write NOT EXISTS: it can become an anti join, and means what is usually meant where a NULL is among the rows.',
      ...(subplan.actual?.totalMs === undefined
        ? { saves: 0.5 }
        : { savesMs: subplan.actual.totalMs * 0.5 + (node.actual?.selfMs ?? 0) * 0.5 }),
    },
  ]
}
