// What PgBouncer says of its pools, over its own console. That takes simple queries alone, and has no transactions.
// State: a connection of its own, closed while nobody asks.

import type { Queryable } from '../../db/db.ts'
import { sql } from '../../sql/sql.ts'
import type { Point } from '../model/metric.ts'
import type { Reading, ServerProbe } from '../model/server-probe.ts'
import { available, gauge } from './metrics.ts'

const most = 50
const byDatabase = { labels: ['database'], most }

interface Pool {
  readonly database: string
  readonly cl_waiting: number | string
  readonly sv_active: number | string
  readonly maxwait: number | string
  readonly maxwait_us?: number | string
}

interface Sums {
  waiting: number
  active: number
  waitSeconds: number
}

export function createPgBouncerProbe(console: Queryable): ServerProbe {
  return {
    name: 'pgbouncer',
    question: 'Who waits at PgBouncer?',
    everyMs: 15_000,
    limitMs: 2_000,
    of: 'elsewhere',
    metrics: [
      gauge('pgstrata_pgbouncer_waiting', 'Clients that wait for a server connection.', byDatabase),
      gauge('pgstrata_pgbouncer_active', 'Server connections that are in use.', byDatabase),
      gauge('pgstrata_pgbouncer_wait_seconds', 'How long the first of them has waited.', byDatabase),
    ],
    unavailable: available,
    read: async () => readingOf((await console.query<Pool>(sql`show pools`)).rows),
  }
}

function readingOf(pools: readonly Pool[]): Reading {
  const sums = new Map<string, Sums>()
  for (const { database, cl_waiting: waiting, sv_active: active, maxwait, maxwait_us: micros = 0 } of pools) {
    // Its own console.
    if (database === 'pgbouncer') continue
    const sum = sums.get(database) ?? { waiting: 0, active: 0, waitSeconds: 0 }
    sum.waiting += Number(waiting)
    sum.active += Number(active)
    sum.waitSeconds = Math.max(sum.waitSeconds, Number(maxwait) + Number(micros) / 1_000_000)
    sums.set(database, sum)
  }
  return {
    points: [...sums].slice(0, most).flatMap(([database, { waiting, active, waitSeconds }]): readonly Point[] => [
      { metric: 'pgstrata_pgbouncer_waiting', labels: [database], value: waiting },
      { metric: 'pgstrata_pgbouncer_active', labels: [database], value: active },
      { metric: 'pgstrata_pgbouncer_wait_seconds', labels: [database], value: waitSeconds },
    ]),
  }
}
