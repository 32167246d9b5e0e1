// The planner expected a very different number of rows. Told at the lowest node where it begins: those above inherit it.

import { quoteQualified } from '../../../sql/quote.ts'
import { describeNode, estimateFactor, listNodes, type PlanNode } from '../../plan/node.ts'
import { count, type Found, type InsightRule } from '../insight.ts'

const factorAtLeast = 10
const rowsAtLeast = 1_000

export const misestimate: InsightRule = {
  name: 'misestimate',
  summary: 'The planner expected far more, or far fewer, rows than came',
  speaks: 'an estimate that is wrong by a factor of 10, by at least 1,000 rows, at the lowest node where that is so',
  why: 'Join orders, join methods and memory are chosen by these numbers: a wrong one makes everything above it a guess.',
  needsRun: true,
  look: ({ plan, nodes }) =>
    nodes.filter((node) => isWrong(node, nodes)).flatMap((node) => tell(node, nodes, plan.root)),
}

function isWrong(node: PlanNode, nodes: readonly PlanNode[]): boolean {
  const factor = estimateFactor(node)
  if (factor === undefined || node.actual === undefined) return false
  if (node.type === 'BitmapAnd' || node.type === 'BitmapOr' || node.type === 'Memoize') return false
  const difference = Math.abs(node.actual.rows - node.planRows * node.actual.loops)
  if (difference < rowsAtLeast) return false
  if (factor >= factorAtLeast) return true
  // Whoever is not read to the end gives fewer rows than expected, and nothing is wrong with that.
  return factor <= 1 / factorAtLeast && !mayStopEarly(node, nodes)
}

function mayStopEarly(node: PlanNode, nodes: readonly PlanNode[]): boolean {
  return nodes.some(
    (above) =>
      above.id < node.id &&
      listNodes(above).some((below) => below.id === node.id) &&
      (above.type === 'Limit' ||
        above.type === 'Merge Join' ||
        above.relationship === 'SubPlan' ||
        /Semi|Anti/.test(above.joinType ?? '')),
  )
}

function tell(node: PlanNode, nodes: readonly PlanNode[], root: PlanNode): Found[] {
  const below = listNodes(node).slice(1)
  if (below.some((one) => isWrong(one, nodes))) return []
  const factor = estimateFactor(node) ?? 1
  const loops = Math.max(1, node.actual?.loops ?? 1)
  const shown = factor >= 1 ? `${count(factor)}× more` : `${count(1 / factor)}× fewer`
  const above = nodes.find((one) => one.children.includes(node))
  const table = node.relation === undefined ? undefined : quoteQualified(node.schema ?? 'public', node.relation)
  return [
    {
      node,
      what: `${describeNode(node)} gave ${shown} rows than expected: ${count((node.actual?.rows ?? 0) / loops)} for ${count(node.planRows)}${loops === 1 ? '' : ' in each loop'}`,
      advice:
        table === undefined
          ? 'Conditions of several columns that go together are taken for independent: CREATE STATISTICS tells the planner.'
          : `Analyze the table; where columns of the condition go together, create statistics (dependencies, mcv) on them; where values are many and uneven, raise the statistics target of the column.`,
      fix: table === undefined ? [] : [`analyze ${table}`],
      // At the best, the node that was chosen by it could be another one.
      savesMs: (above ?? root).actual?.selfMs ?? 0,
    },
  ]
}
