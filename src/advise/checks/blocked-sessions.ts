// Who holds a lock that others have been waiting for, at the root of each tree of waiting.

import { sql } from '../../sql/sql.ts'
import type { Check } from '../model.ts'
import { defineCheck, findEach } from './tools/define.ts'

interface Blocker {
  readonly pid: number
  readonly role: string
  readonly state: string
  readonly blocked: number
  readonly longestSeconds: number
  readonly isIdle: boolean
}

/** So many behind one lock are critical however short they wait. */
const manyBlocked = 10

/** Depth of a tree of waiting that is followed; whoever stands deeper counts for the last one found. */
const mostLevels = 20

export const blockedSessions: Check = defineCheck({
  name: 'blocked-sessions',
  category: 'connections',
  of: 'each',
  question: 'Do sessions wait for a lock that one session holds?',
  why: 'Each of them holds a connection, and whoever needs the same lock queues behind them.',
  threshold: `warn from 10 s, critical from 60 s of waiting or ${manyBlocked} sessions`,
  mends: 'ends the session that holds the lock',
  limits: { warn: 10, critical: 60, least: 0 },
  find: ({ on, limits }) =>
    findEach<Blocker>(
      on,
      sql`
        with recursive waiting as (
          select l.pid, min(l.waitstart) as since
          from pg_locks l
          where not l.granted
          group by l.pid
        ), edge as (
          select w.pid, unnest(pg_blocking_pids(w.pid)) as holder, w.since
          from waiting w
        ), chain as (
          select pid, holder, since, 1 as level
          from edge
          union
          select c.pid, e.holder, c.since, c.level + 1
          from chain c
          join edge e on e.pid = c.holder
          where c.level < ${mostLevels}
        ), root as (
          select c.holder as pid, count(distinct c.pid)::float8 as blocked,
            coalesce(max(extract(epoch from clock_timestamp() - c.since)), 0)::float8 as "longestSeconds"
          from chain c
          where c.holder > 0
            and not exists (select from edge e where e.pid = c.holder)
          group by c.holder
        )
        select r.pid, r.blocked, r."longestSeconds", coalesce(a.usename::text, '?') as role, coalesce(a.state, '?') as state,
          coalesce(a.state like 'idle%', false) as "isIdle"
        from root r
        join pg_stat_activity a on a.pid = r.pid
        where r."longestSeconds" >= ${limits.warn}::float8
          or r.blocked >= ${manyBlocked}
        order by r.blocked desc, r."longestSeconds" desc`,
      ({ pid, role, state, blocked, longestSeconds, isIdle }) => ({
        gravity: longestSeconds >= limits.critical || blocked >= manyBlocked ? 'critical' : 'warn',
        subject: `session ${pid}`,
        what: `${blocked} ${blocked === 1 ? 'session waits' : 'sessions wait'} for session ${pid} of role ${role} (${state}), for up to ${Math.round(longestSeconds)} s`,
        evidence: { pid, role, state, blocked, longestSeconds },
        // To an idle session there is nothing to cancel.
        fix: [isIdle ? `select pg_terminate_backend(${pid})` : `select pg_cancel_backend(${pid})`],
        advice: 'Keep transactions short, take locks in one order, and give schema changes a lock_timeout.',
      }),
    ),
})
