// How busy the processors of the server are: by its /proc where that is ours, else by how many sessions were seen on them.
// State: the counters of /proc of the look before.

import { readFile } from 'node:fs/promises'
import type { NodeFacts, Reading, ServerProbe } from '../model/server-probe.ts'
import type { Activity } from './activity.ts'
import { createDeltas } from './deltas.ts'
import { gauge } from './metrics.ts'

export interface CpuOptions {
  readonly activity: Activity
  /** Of a server on another machine; undefined: nobody said. */
  readonly cores: number | undefined
}

export function createCpuProbe({ activity, cores }: CpuOptions): ServerProbe {
  const deltas = createDeltas<Record<'busy' | 'all', number>>()
  const point = (value: number): Reading => ({ points: [{ metric: 'pgstrata_cpu_used_ratio', labels: [], value }] })
  return {
    name: 'cpu',
    question: 'How busy are the processors?',
    everyMs: 15_000,
    limitMs: 1_000,
    of: 'each',
    metrics: [gauge('pgstrata_cpu_used_ratio', 'Share of the processors that is in use.')],
    unavailable: ({ isLocal, seesAll }: NodeFacts) =>
      isLocal || (cores !== undefined && seesAll)
        ? undefined
        : 'not available because the server is on another machine: say in `watch.cores` how many processors it has, and grant pg_monitor to the role',
    read: async ({ facts }) => {
      if (!facts.isLocal || cores !== undefined) {
        const busy = activity.onCpu(facts.node)
        return busy === undefined || cores === undefined ? { points: [] } : point(Math.min(1, busy / cores))
      }
      const added = deltas.since(facts.node, '', countersOf(await readFile('/proc/stat', 'utf8')))
      return added === undefined || added.all === 0 ? { points: [] } : point(added.busy / added.all)
    },
  }
}

/** `cpu  user nice system idle iowait irq softirq steal …`: waiting for a disk is no work, and what was stolen is. */
export function countersOf(stat: string): Record<'busy' | 'all', number> {
  const line = stat.split('\n').find((one) => one.startsWith('cpu ')) ?? ''
  const ticks = line.trim().split(/\s+/).slice(1, 9).map(Number)
  const all = ticks.reduce((sum, one) => sum + one, 0)
  return { busy: all - (ticks[3] ?? 0) - (ticks[4] ?? 0), all }
}
