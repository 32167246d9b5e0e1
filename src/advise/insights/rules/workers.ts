// Workers that were planned did not come.

import { describeNode, type PlanNode } from '../../plan/node.ts'
import { count, type Found, type InsightRule } from '../insight.ts'

export const workers: InsightRule = {
  name: 'workers',
  summary: 'Parallel workers that were planned were not there',
  speaks: 'a Gather that launched fewer workers than planned',
  why: 'The plan was chosen for more processes: with fewer it is slower than expected, and perhaps than another one.',
  needsRun: true,
  look: ({ nodes, settings }) => nodes.flatMap((node) => look(node, settings)),
}

function look(node: PlanNode, settings: Readonly<Record<string, string>>): Found[] {
  const { planned = 0, launched } = node.workers ?? {}
  if (launched === undefined || launched >= planned) return []
  return [
    {
      node,
      what: `${describeNode(node)} had ${count(launched)} of ${count(planned)} workers`,
      advice: `All of max_parallel_workers (${settings['max_parallel_workers'] ?? '?'}) or max_worker_processes (${settings['max_worker_processes'] ?? '?'}) were in use: raise them where there are cores, or lower max_parallel_workers_per_gather.`,
      ...(node.actual?.totalMs === undefined
        ? {}
        : { savesMs: node.actual.totalMs * ((planned - launched) / (planned + 1)) }),
    },
  ]
}
