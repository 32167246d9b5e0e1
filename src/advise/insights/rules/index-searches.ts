// An index is descended into again and again, because its first column is not asked for.

import { describeNode, type PlanNode } from '../../plan/node.ts'
import { count, isIndexScan, type Found, type InsightRule } from '../insight.ts'

const searchesAtLeast = 100

export const indexSearches: InsightRule = {
  name: 'index-searches',
  summary: 'An index is searched once for each value of its first column',
  speaks: 'since PostgreSQL 18: an index scan of at least 100 searches in a loop, more than the rows it found',
  why: 'A skip scan leaps from value to value of a leading column that the condition does not name; it is good for a few values.',
  needsRun: true,
  look: ({ nodes }) => nodes.flatMap(look),
}

function look(node: PlanNode): Found[] {
  const { actual, indexSearches: searches } = node
  if (actual === undefined || searches === undefined || actual.loops === 0) return []
  if (!isIndexScan(node) && node.type !== 'Bitmap Index Scan') return []
  if (searches / actual.loops < searchesAtLeast || searches <= actual.rows) return []
  return [
    {
      node,
      what: `${describeNode(node)} was searched ${count(searches)} times for ${count(actual.rows)} rows`,
      advice: `Make an index that begins with the columns of ${node.conditions['Index Cond'] ?? 'the condition'}.`,
      saves: 0.9,
    },
  ]
}
