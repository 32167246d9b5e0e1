// An OR asks for one thing of one table or another of the other.

import { columnsOfOperand } from '../../../sql/query/index.ts'
import { describeNode, type PlanNode } from '../../plan/node.ts'
import { count, type Found, type Given, type InsightRule } from '../insight.ts'

const removedAtLeast = 10_000

export const orAcrossTables: InsightRule = {
  name: 'or-across-tables',
  summary: 'An OR reaches over several tables',
  speaks: 'a join of which a condition with an OR over columns of several tables removes at least 10,000 rows',
  why: 'No index serves such an OR: rows are joined first, and thrown away afterwards.',
  needsRun: true,
  look: (given) => given.nodes.flatMap((node) => look(node, given)),
}

function look(node: PlanNode, given: Given): Found[] {
  const removed =
    (node.actual?.removed.joinFilter ?? 0) + (node.children.length > 1 ? (node.actual?.removed.filter ?? 0) : 0)
  if (removed < removedAtLeast) return []
  const crosses = (['Join Filter', 'Filter'] as const).some((name) =>
    given.conditionsOf(node, name).either.some((branches) => {
      const tables = branches.map((branch) => [
        ...new Set(
          branch
            .flatMap(({ left, right }) => [left, ...right].flatMap(columnsOfOperand))
            .map(({ qualifier }) => qualifier.join('.')),
        ),
      ])
      return new Set(tables.flat()).size > 1
    }),
  )
  if (!crosses) return []
  return [
    {
      node,
      what: `${describeNode(node)} joined ${count(removed)} rows and threw them away by ${node.conditions['Join Filter'] ?? node.conditions.Filter ?? ''}`,
      advice: 'Ask once for each branch of the OR and put the answers together with UNION: then each can use an index.',
      saves: removed / (removed + (node.actual?.rows ?? 0)),
    },
  ]
}
