// How many partitions lie ahead. Who makes them says so; what is handed in is asked.

import type { ServerProbe } from '../model/server-probe.ts'
import { available, gauge } from './metrics.ts'
import { mostNamed, pointOf } from './named-points.ts'

export interface PartitionHealth {
  readonly table: string
  /** Partitions that begin later than now. */
  readonly ahead: number
}

export function createPartitionsProbe(partitions: () => Promise<readonly PartitionHealth[]>): ServerProbe {
  return {
    name: 'partitions',
    question: 'How many partitions are there ahead of time?',
    everyMs: 15 * 60_000,
    limitMs: 10_000,
    of: 'elsewhere',
    metrics: [
      gauge('pgstrata_partitions_ahead', 'Partitions that begin later than now.', {
        labels: ['table'],
        most: mostNamed,
      }),
    ],
    unavailable: available,
    read: async () => ({
      points: (await partitions())
        .slice(0, mostNamed)
        .flatMap(({ table, ahead }) => pointOf('pgstrata_partitions_ahead', table, ahead)),
    }),
  }
}
