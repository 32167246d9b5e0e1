// Keeps a backfill from running away from the replicas. Asked on the primary, so it needs to see pg_stat_replication
// (pg_monitor, or pg_read_all_stats); for a role that may not, `canSeeReplicas` says so and nothing is throttled.
// Bound: waits `patienceMs` at the most for replicas to catch up, then fails: a replica that is gone must not hold
// the work for ever, and a slot nobody reads must not fill the disk.

import type { Clock } from '../base/clock.ts'
import { StrataError } from '../base/errors.ts'
import { jitter, type Random } from '../base/random.ts'
import { formatSize } from '../base/units.ts'
import type { Queryable } from '../db/db.ts'
import { sql } from '../sql/sql.ts'

export interface ThrottleOptions {
  readonly maxLagBytes: number
  readonly maxLagMs: number
  readonly patienceMs: number
  readonly clock: Clock
  readonly random: Random
  readonly signal?: AbortSignal | undefined
  readonly onWait: (note: string) => void
}

interface ReplicaLag {
  readonly name: string
  readonly lagBytes: number
  readonly lagMs: number
}

/** Resolves as soon as no streaming replica lags more than allowed. */
export async function awaitReplicas(on: Queryable, options: ThrottleOptions): Promise<void> {
  const deadline = options.clock.monotonic() + options.patienceMs
  for (;;) {
    const worst = await readWorstLag(on)
    if (worst === undefined || (worst.lagBytes <= options.maxLagBytes && worst.lagMs <= options.maxLagMs)) return
    if (options.clock.monotonic() >= deadline) {
      throw new StrataError('BACKFILL_FAILED', {
        message: `Replica ${worst.name} stays behind`,
        expected: `at most ${formatSize(options.maxLagBytes)} and ${options.maxLagMs} ms`,
        got: `${formatSize(worst.lagBytes)} and ${Math.round(worst.lagMs)} ms`,
        advice:
          'Look at the replica (replay paused? a long query?), or raise maxReplicaLag; then run the command again.',
      })
    }
    options.onWait(`waiting for replica ${worst.name}, ${formatSize(worst.lagBytes)} behind`)
    await options.clock.sleep(jitter(250, 0.5, options.random), options.signal)
  }
}

/** Without pg_read_all_stats the server shows that replicas are there, and nothing else of them. */
export async function canSeeReplicas(on: Queryable): Promise<boolean> {
  const { rows } = await on.query(sql`select from pg_stat_replication where state is null limit 1`)
  return rows.length === 0
}

async function readWorstLag(on: Queryable): Promise<ReplicaLag | undefined> {
  const { rows } = await on.query<ReplicaLag>(sql`
    select coalesce(nullif(application_name, ''), client_addr::text, pid::text) as name,
      pg_wal_lsn_diff(pg_current_wal_lsn(), replay_lsn)::float8 as "lagBytes",
      coalesce(extract(epoch from replay_lag) * 1000, 0)::float8 as "lagMs"
    from pg_stat_replication
    where state = 'streaming'
      and replay_lsn is not null
    order by 2 desc
    limit 1`)
  return rows[0]
}
