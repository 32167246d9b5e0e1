// How far rollups are behind. Who keeps them says so; what is handed in is asked.

import type { ServerProbe } from '../model/server-probe.ts'
import { available, gauge } from './metrics.ts'
import { inSeconds, mostNamed, pointOf } from './named-points.ts'

export interface RollupHealth {
  readonly name: string
  /** Deltas that are still to be merged, and how long the oldest may have waited. */
  readonly pending: number | null
  readonly lagMs: number | null
}

const byRollup = { labels: ['rollup'], most: mostNamed }

export function createRollupsProbe(rollups: () => Promise<readonly RollupHealth[]>): ServerProbe {
  return {
    name: 'rollups',
    question: 'How far are rollups behind?',
    everyMs: 60_000,
    limitMs: 10_000,
    of: 'elsewhere',
    metrics: [
      gauge('pgstrata_rollup_pending_rows', 'Changes that a rollup has not merged yet.', byRollup),
      gauge('pgstrata_rollup_age_seconds', 'How long the oldest of them has waited.', byRollup),
    ],
    unavailable: available,
    read: async () => ({
      points: (await rollups())
        .slice(0, mostNamed)
        .flatMap(({ name, pending, lagMs }) => [
          ...pointOf('pgstrata_rollup_pending_rows', name, pending),
          ...pointOf('pgstrata_rollup_age_seconds', name, pending === null ? null : inSeconds(lagMs ?? 0)),
        ]),
    }),
  }
}
