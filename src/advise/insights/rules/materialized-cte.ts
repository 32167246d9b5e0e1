// A CTE is computed whole, and most of it thrown away.

import type { PlanNode } from '../../plan/node.ts'
import { count, percent, type Found, type Given, type InsightRule } from '../insight.ts'

const removedAtLeast = 10_000

export const materializedCte: InsightRule = {
  name: 'materialized-cte',
  summary: 'A CTE is computed whole, and then filtered',
  speaks: 'a CTE Scan that removes more than half of the rows, and at least 10,000',
  why: 'A CTE that is MATERIALIZED, or named twice, knows nothing of the conditions outside of it: no index can serve them.',
  needsRun: true,
  look: (given) => given.nodes.filter(({ type }) => type === 'CTE Scan').flatMap((node) => look(node, given)),
}

function look(node: PlanNode, { nodes, statement }: Given): Found[] {
  const { actual, cte = '' } = node
  if (actual === undefined || actual.removed.filter < removedAtLeast) return []
  const share = actual.removed.filter / (actual.removed.filter + actual.rows)
  if (share <= 0.5) return []
  const made = nodes.find(({ subplanName }) => subplanName === `CTE ${cte}`)
  const written = statement?.materialized.includes(cte) === true
  return [
    {
      node,
      what: `CTE ${cte} was computed whole, and ${count(actual.removed.filter)} of its rows thrown away (${percent(share)})`,
      advice: written
        ? 'Leave MATERIALIZED out: the condition then goes into the CTE.'
        : 'Write NOT MATERIALIZED, or put the condition into the CTE itself.',
      savesMs: ((made?.actual?.totalMs ?? 0) + (actual.selfMs ?? 0)) * share,
    },
  ]
}
