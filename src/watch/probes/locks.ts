// Who waits for locks, for how long, and for whom. Texts are left out: a statement is known by its queryid.

import { sql } from '../../sql/sql.ts'
import { onlyRow } from '../../db/db.ts'
import type { AskTools, Reading, ServerProbe } from '../model/server-probe.ts'
import { gauge, needsMonitor } from './metrics.ts'

/** Each costs a look at the whole lock table, during which nobody takes a lock. */
const mostBlocked = 50

export const locksProbe: ServerProbe = {
  name: 'locks',
  question: 'Who waits for a lock, how long, and who holds it?',
  everyMs: 15_000,
  limitMs: 1_000,
  of: 'each',
  metrics: [
    gauge('pgstrata_blocked_sessions', 'Sessions that wait for a lock of another session.'),
    gauge('pgstrata_lock_wait_seconds', 'Longest wait for a lock that goes on now.'),
    gauge('pgstrata_lock_pool_used_ratio', 'Share of the table of locks that is taken.'),
  ],
  unavailable: needsMonitor,
  read: readLocks,
}

export interface BlockedSession {
  readonly pid: number
  /** Who stands in its way; empty: nobody any more. */
  readonly by: readonly number[]
  readonly user: string | null
  readonly application: string
  readonly state: string | null
  readonly queryid: string | null
  readonly waitedSeconds: number | null
  readonly openSeconds: number | null
}

export interface LockDetail {
  /** Those at the root, each with who waits behind it. */
  readonly roots: readonly LockTree[]
}

export interface LockTree extends BlockedSession {
  readonly behind: readonly LockTree[]
}

async function readLocks({ on }: AskTools): Promise<Reading> {
  // What serializable transactions have read has places of its own.
  const answer = await on.query<{ blocked: number; waited: number; used: number }>(sql`
    select count(distinct pid) filter (where not granted)::float8 as blocked,
      coalesce(max(extract(epoch from clock_timestamp() - waitstart)) filter (where not granted), 0)::float8 as waited,
      count(*) filter (where not fastpath and mode <> 'SIReadLock') / (current_setting('max_locks_per_transaction')::float8
        * (current_setting('max_connections')::int4 + current_setting('max_prepared_transactions')::int4)) as used
    from pg_locks`)
  const { blocked, waited, used } = onlyRow(answer)
  const detail: LockDetail = { roots: blocked === 0 ? [] : treesOf(await readBlocked(on)) }
  return {
    points: [
      { metric: 'pgstrata_blocked_sessions', labels: [], value: blocked },
      { metric: 'pgstrata_lock_wait_seconds', labels: [], value: Math.max(0, waited) },
      { metric: 'pgstrata_lock_pool_used_ratio', labels: [], value: used },
    ],
    detail,
  }
}

async function readBlocked(on: AskTools['on']): Promise<readonly BlockedSession[]> {
  const { rows } = await on.query<BlockedSession>(sql`
    with waiting as materialized (
      select pid, pg_blocking_pids(pid) as by
      from (
        select pid
        from pg_locks
        where not granted
        group by pid
        order by min(waitstart)
        limit ${mostBlocked}
      ) as longest
    )
    select a.pid, coalesce(w.by, '{}') as by, a.usename as "user", a.application_name as application, a.state,
      a.query_id::text as queryid,
      (select extract(epoch from clock_timestamp() - min(l.waitstart))::float8 from pg_locks l where l.pid = a.pid and not l.granted) as "waitedSeconds",
      extract(epoch from clock_timestamp() - a.xact_start)::float8 as "openSeconds"
    from pg_stat_activity a
    left join waiting w on w.pid = a.pid
    where a.pid in (select pid from waiting)
      or a.pid in (select unnest(by) from waiting)`)
  return rows
}

/**
 * Each stands behind the first that is in its way: who queues for one lock waits for all before it, and a tree of all that would
 * grow without end. A circle has no root (the server is about to break it), and is left out.
 */
export function treesOf(sessions: readonly BlockedSession[]): readonly LockTree[] {
  const known = new Set(sessions.map(({ pid }) => pid))
  const before = ({ by }: BlockedSession): number | undefined => by.find((pid) => known.has(pid))
  const grow = (session: BlockedSession): LockTree => ({
    ...session,
    behind: sessions.filter((one) => before(one) === session.pid).map(grow),
  })
  return sessions.filter((session) => before(session) === undefined).map(grow)
}
