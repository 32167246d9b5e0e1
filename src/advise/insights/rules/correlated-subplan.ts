// A subquery runs once for each row.

import { describeNode, listNodes, type PlanNode } from '../../plan/node.ts'
import { count, type Found, type InsightRule } from '../insight.ts'

const loopsAtLeast = 1_000

export const correlatedSubplan: InsightRule = {
  name: 'correlated-subplan',
  summary: 'A subquery runs for every row',
  speaks: 'a SubPlan that ran at least 1,000 times',
  why: 'A subquery that names columns of the query around it is run again for each of its rows.',
  needsRun: true,
  look: ({ nodes }) => nodes.filter(({ relationship }) => relationship === 'SubPlan').flatMap(look),
}

function look(node: PlanNode): Found[] {
  const { actual } = node
  if (actual === undefined || actual.loops < loopsAtLeast) return []
  const inside = listNodes(node).find(({ relation }) => relation !== undefined) ?? node
  return [
    {
      node,
      subject: node.subplanName ?? 'SubPlan',
      what: `${node.subplanName ?? 'A subquery'} (${describeNode(inside)}) ran ${count(actual.loops)} times`,
      advice:
        'Join the table, grouped where it is counted or summed (LEFT JOIN LATERAL where only a few rows are needed), so that it is read once.',
      ...(actual.totalMs === undefined ? { saves: 0.5 } : { savesMs: actual.totalMs * 0.9 }),
    },
  ]
}
