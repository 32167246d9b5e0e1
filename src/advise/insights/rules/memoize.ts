// A cache of a nested loop that is asked for something else each time, or too small.

import { formatSize } from '../../../base/units.ts'
import type { PlanNode } from '../../plan/node.ts'
import { count, percent, type Found, type Given, type InsightRule } from '../insight.ts'

const lookupsAtLeast = 1_000
const hitShare = 0.2

export const memoize: InsightRule = {
  name: 'memoize',
  summary: 'A Memoize node hardly ever has the answer',
  speaks: 'a Memoize of at least 1,000 lookups that had the answer for less than 20 %, or that threw entries away',
  why: 'It pays only where the same values come again; otherwise it is work on top.',
  needsRun: true,
  look: (given) => given.nodes.flatMap((node) => look(node, given)),
}

function look(node: PlanNode, { work }: Given): Found[] {
  if (node.memoize === undefined) return []
  const { hits, misses, evictions, overflows } = node.memoize
  const lookups = hits + misses
  if (lookups < lookupsAtLeast) return []
  const share = hits / lookups
  const thrown = evictions + overflows
  if (share >= hitShare && thrown === 0) return []
  return [
    {
      node,
      subject: 'Memoize',
      what: `Memoize had ${count(hits)} of ${count(lookups)} answers (${percent(share)})${thrown === 0 ? '' : `, and threw away ${count(thrown)} entries for want of memory (${formatSize(work.hashMemBytes)})`}`,
      advice:
        thrown === 0
          ? 'The planner expected the values to repeat: n_distinct of the column is too low. Analyze the table, or set it by ALTER TABLE … ALTER COLUMN … SET (n_distinct = …).'
          : 'More work_mem, or hash_mem_multiplier, for this statement keeps them.',
      saves: 0.9,
    },
  ]
}
