// Keeps work in batches from running away from the replicas. Asked on the primary, so it needs to see pg_stat_replication
// (pg_monitor, or pg_read_all_stats); for a role that may not, `canSeeReplicas` says so and nothing is throttled.
// Bound: waits `patienceMs` at the most for replicas to catch up, then fails: a replica that is gone must not hold
// the work for ever, and a slot nobody reads must not fill the disk.

import type { Clock } from '../base/clock.ts'
import type { ErrorCode } from '../base/error-table.ts'
import { StrataError } from '../base/errors.ts'
import { jitter, type Random } from '../base/random.ts'
import { formatSize } from '../base/units.ts'
import type { Queryable } from '../db/db.ts'
import { sql } from '../sql/sql.ts'

export interface ThrottleOptions {
  /** What it fails as, when a replica stays behind. */
  readonly code: ErrorCode
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
      throw new StrataError(options.code, {
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

export interface CalmOptions extends Pick<
  ThrottleOptions,
  'code' | 'patienceMs' | 'clock' | 'random' | 'signal' | 'onWait'
> {
  /** Other clients at work at the same time. */
  readonly maxActive: number
}

/** Resolves as soon as no more than `maxActive` other backends run a statement. */
export async function awaitCalm(on: Queryable, options: CalmOptions): Promise<void> {
  const deadline = options.clock.monotonic() + options.patienceMs
  for (;;) {
    const active = await countActive(on)
    if (active <= options.maxActive) return
    if (options.clock.monotonic() >= deadline) {
      throw new StrataError(options.code, {
        message: 'The server stays busy',
        expected: `at most ${options.maxActive} other backends at work`,
        got: String(active),
        advice: 'Run the command again when there is less to do, or allow more.',
      })
    }
    options.onWait(`waiting: ${active} other backends are at work`)
    await options.clock.sleep(jitter(250, 0.5, options.random), options.signal)
  }
}

async function countActive(on: Queryable): Promise<number> {
  const { rows } = await on.query<{ active: number }>(sql`
    select count(*)::int4 as active
    from pg_stat_activity
    where state = 'active'
      and backend_type = 'client backend'
      and pid <> pg_backend_pid()`)
  return rows[0]?.active ?? 0
}

export interface Pace {
  /** After each batch: waits until `rows` more are within the rate. */
  spend(rows: number): Promise<void>
}

/** A cap on rows per second, over what has been done since the pace was set; time lost is not made up for beyond a second. */
export function setPace(options: {
  readonly rowsPerSecond: number | undefined
  readonly clock: Clock
  readonly signal?: AbortSignal | undefined
}): Pace {
  const { rowsPerSecond, clock, signal } = options
  let dueMs = clock.monotonic()
  return {
    spend: async (rows) => {
      if (rowsPerSecond === undefined) return
      const nowMs = clock.monotonic()
      dueMs = Math.max(dueMs, nowMs - 1_000) + (rows / rowsPerSecond) * 1_000
      if (dueMs > nowMs) await clock.sleep(dueMs - nowMs, signal)
    },
  }
}
