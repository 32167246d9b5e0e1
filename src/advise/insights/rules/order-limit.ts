// An index was read in the order of ORDER BY, in the hope that LIMIT would soon be reached.

import { describeNode, type PlanNode } from '../../plan/node.ts'
import { count, isIndexScan, type Found, type InsightRule } from '../insight.ts'

const removedAtLeast = 10_000
const removedPerRow = 10

export const orderLimit: InsightRule = {
  name: 'order-limit',
  summary: 'An index is walked in order until enough rows fit a filter',
  speaks:
    'below a LIMIT, an index scan without a condition whose filter removes at least 10,000 rows, and 10 for each that it keeps',
  why: 'The planner takes rows that fit for spread evenly over the order. Where they are not, most of the table is walked through.',
  needsRun: true,
  look: ({ nodes }) => nodes.filter(({ type }) => type === 'Limit').flatMap(look),
}

/** What passes rows on one by one. */
const passing =
  /^(?:Limit|Result|Subquery Scan|LockRows|Gather Merge|Nested Loop|Incremental Sort|Append|Merge Append)$/

function look(limit: PlanNode): Found[] {
  const found: Found[] = []
  const open = [...limit.children]
  for (let node = open.shift(); node !== undefined; node = open.shift()) {
    if (passing.test(node.type)) open.push(...node.children.slice(0, node.type === 'Nested Loop' ? 1 : undefined))
    const { actual } = node
    if (!isIndexScan(node) || node.conditions['Index Cond'] !== undefined || actual === undefined) continue
    const removed = actual.removed.filter
    if (removed < removedAtLeast || removed < removedPerRow * actual.rows) continue
    found.push({
      node,
      what: `${describeNode(node)} was walked in order and threw away ${count(removed)} rows until ${count(actual.rows)} fitted ${node.conditions.Filter ?? 'the filter'}`,
      advice:
        'Make an index of the columns of the filter, followed by those of ORDER BY; suggestIndexes() works one out. Where none is possible, ORDER BY an expression (`order by id + 0`) keeps the planner from it.',
      saves: removed / (removed + actual.rows),
    })
  }
  return found
}
