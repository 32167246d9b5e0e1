// How far each replica is behind, as the primary sees it.

import { isStandby } from '../../db/standbys.ts'
import { sql } from '../../sql/sql.ts'
import type { Check } from '../model.ts'
import { defineCheck, findEach, gravityOf } from './tools/define.ts'
import { withoutSight } from './tools/sessions.ts'

interface Lagging {
  readonly replica: string
  readonly state: string
  readonly lagBytes: number
  readonly lagSeconds: number | null
}

export const replicaLag: Check = defineCheck({
  name: 'replica-lag',
  category: 'replication',
  question: 'Is a replica behind?',
  why: 'Reads there show an old database, or wait; what it has not received is lost with the primary.',
  threshold: 'warn from 100 MB, critical from 1 GB of WAL that it has not replayed',
  mends: 'advice',
  limits: { warn: 104_857_600, critical: 1_073_741_824, least: 0 },
  unavailable: withoutSight,
  find: ({ on, limits }) =>
    findEach<Lagging>(
      on,
      sql`
        with seen as (
          select application_name as replica, coalesce(state, '?') as state,
            pg_wal_lsn_diff(pg_current_wal_lsn(), replay_lsn)::float8 as "lagBytes",
            extract(epoch from replay_lag)::float8 as "lagSeconds"
          from pg_stat_replication r
          where ${isStandby}
        )
        select *
        from seen
        where "lagBytes" >= ${limits.warn}::float8
        order by "lagBytes" desc`,
      ({ replica, state, lagBytes, lagSeconds }) => ({
        gravity: gravityOf(lagBytes, limits) ?? 'warn',
        subject: `replica ${replica}`,
        what: `Replica ${replica} has ${Math.round(lagBytes / 1_048_576)} MB of WAL to replay`,
        evidence: { state, lagBytes, lagSeconds },
        advice:
          'On the replica: a read that holds up replay (max_standby_streaming_delay), a slow disk, or one core that replays.',
      }),
    ),
})
