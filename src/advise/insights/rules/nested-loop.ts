// A nested loop was chosen for a few rows, and ran for thousands.

import { describeNode, estimateFactor, type PlanNode } from '../../plan/node.ts'
import { count, type Found, type InsightRule } from '../insight.ts'

const loopsAtLeast = 1_000
const factorAtLeast = 10

export const nestedLoop: InsightRule = {
  name: 'nested-loop',
  summary: 'A nested loop runs far more often than was expected',
  speaks:
    'a Nested Loop whose inner side ran at least 1,000 times, because its outer side gave 10 times the rows expected',
  why: 'For so many rows a hash or merge join would have read the inner side once.',
  needsRun: true,
  look: ({ nodes }) => nodes.flatMap(look),
}

function look(node: PlanNode): Found[] {
  const [outer, inner] = node.type === 'Nested Loop' ? node.children : []
  if (outer === undefined || inner?.actual === undefined || inner.actual.loops < loopsAtLeast) return []
  const factor = estimateFactor(outer) ?? 1
  if (factor < factorAtLeast) return []
  return [
    {
      node,
      what: `${describeNode(inner)} ran ${count(inner.actual.loops)} times: ${describeNode(outer)} gave ${count(factor)} times the rows expected`,
      advice:
        'Mend the estimate of the outer side (analyze its tables; extended statistics for conditions that go together); where that is not possible, `set local enable_nestloop = off` for this statement shows what is to be gained.',
      ...(inner.actual.totalMs === undefined ? { saves: 0.5 } : { savesMs: inner.actual.totalMs * 0.9 }),
    },
  ]
}
