// Statements about sessions. A list of a wallet has two halves, of those it began and of those it came to: each comes in order from its own
// index, so a page reads twice as many rows as it shows and no more.

import type { Statement } from './statement.ts'

export const sessionColumns =
  'session_id, a_addr, b_addr, status, created_at, started_at, ended_at, ended_by, expires_at'

export const sessionById: Statement = {
  name: 'session_by_id',
  text: `
    select ${sessionColumns}
    from sessions
    where session_id = $1`,
}

/** The one in which a wallet waits, or is. */
export const liveSessionOf: Statement = {
  name: 'live_session_of',
  text: `
    select ${sessionColumns}
    from sessions
    where a_addr = $1
      and status in ('waiting', 'active')
    union all
    select ${sessionColumns}
    from sessions
    where b_addr = $1
      and status = 'active'
    limit 1`,
}

/** The same for who looks at it: who has waited too long waits no more, whether or not a job has written that down. */
export const currentSessionOf: Statement = {
  name: 'current_session_of',
  text: `
    select ${sessionColumns}
    from (${liveSessionOf.text}
    ) as live
    where status <> 'waiting'
      or expires_at > clock_timestamp()`,
}

const half = (where: string): string => `
      select ${sessionColumns}
      from sessions
      where ${where}
        and (created_at, session_id) < ($2, $3)
      order by created_at desc, session_id desc
      limit $4`

const bothHalves = (also: string): string => `
    select ${sessionColumns}
    from (
      (${half(`a_addr = $1${also}`)}
      )
      union all
      (${half(`b_addr = $1${also}`)}
      )
    ) as halves
    order by created_at desc, session_id desc
    limit $4`

/** $1 the wallet; $2, $3 the time and the id of the row before; $4 how many. */
export const sessionsOf: Statement = { name: 'sessions_of', text: bothHalves('') }

/** The same, and $5 the status. */
export const sessionsOfByStatus: Statement = { name: 'sessions_of_by_status', text: bothHalves(' and status = $5') }

/** Whoever waits in s may be matched with $1: neither of the two has blocked the other, and they have not met within the hour. */
export const mayMeet = `s.status = 'waiting'
      and s.expires_at > clock_timestamp()
      and s.a_addr <> $1
      and not exists (
        select
        from blocks as b
        where least(b.blocker, b.blocked) = least(s.a_addr, $1)
          and greatest(b.blocker, b.blocked) = greatest(s.a_addr, $1)
      )
      and not exists (
        select
        from sessions as met
        where least(met.a_addr, met.b_addr) = least(s.a_addr, $1)
          and greatest(met.a_addr, met.b_addr) = greatest(s.a_addr, $1)
          and met.b_addr is not null
          and met.started_at is not null
          and coalesce(met.ended_at, met.started_at) > now() - interval '1 hour'
      )`

/** Who waits longest, and may be matched with $1. */
export const longestWaiting: Statement = {
  name: 'longest_waiting',
  text: `
    select s.session_id, s.a_addr
    from sessions as s
    join users as u on u.address = s.a_addr
    where ${mayMeet}
      and u.status = 'active'
    order by s.created_at, s.session_id
    limit 1`,
}

/** What nobody answered in time. A job does it; who locks a row just then has it. */
export const expireSessions: Statement = {
  name: 'expire_sessions',
  text: `
    update sessions
    set status = 'expired',
      ended_at = now()
    where session_id in (
      select session_id
      from sessions
      where status in ('waiting', 'invited')
        and expires_at < now()
      order by expires_at
      limit 1000
      for update skip locked
    )
      and status in ('waiting', 'invited')`,
}

/** Those that both have forgotten: nobody talks for a day. */
export const endForgottenSessions: Statement = {
  name: 'end_forgotten_sessions',
  text: `
    update sessions
    set status = 'ended',
      ended_at = now()
    where session_id in (
      select session_id
      from sessions
      where status = 'active'
        and started_at < now() - interval '1 day'
      order by started_at
      limit 1000
      for update skip locked
    )
      and status = 'active'`,
}

/** $1, $2 the time and the id of the row before; $3 how many. */
export const newestSessions: Statement = {
  name: 'newest_sessions',
  text: `
    select ${sessionColumns}
    from sessions
    where (created_at, session_id) < ($1, $2)
    order by created_at desc, session_id desc
    limit $3`,
}

/** By the hour, between $1 and $2. */
export const sessionsStarted: Statement = {
  name: 'sessions_started',
  text: `
    select date_bin('1 hour', started_at, '2000-01-01Z') as hour, count(*) as sessions
    from sessions
    where started_at >= $1
      and started_at < $2
    group by hour
    order by hour`,
}

/** $1, $2 the time and the id of the row before; $3 how many. */
export const sessionsEndedLast: Statement = {
  name: 'sessions_ended_last',
  text: `
    select ${sessionColumns}
    from sessions
    where ended_at is not null
      and (ended_at, session_id) < ($1, $2)
    order by ended_at desc, session_id desc
    limit $3`,
}

/** Those that $1 ended, the newest first; $2 how many. */
export const sessionsEndedBy: Statement = {
  name: 'sessions_ended_by',
  text: `
    select ${sessionColumns}
    from sessions
    where ended_by = $1
    order by ended_at desc
    limit $2`,
}

/**
 * By their first report: $1, $2 its time and the id of the row before; $3 how many; $4 who asks, of whom no report counts. No row of a
 * session tells of it: its wallets hear of each change of theirs.
 */
export const sessionsReportedLast: Statement = {
  name: 'sessions_reported_last',
  text: `
    select ${sessionColumns}, reported_at
    from (
      select r.session_id, r.created_at as reported_at
      from reports as r
      where (r.created_at, r.session_id) < ($1, $2)
        and r.reported <> $4
        and not exists (
          select
          from reports as earlier
          where earlier.session_id = r.session_id
            and earlier.report_id < r.report_id
            and earlier.reported <> $4
        )
      order by r.created_at desc, r.session_id desc
      limit $3
    ) as firsts
    join sessions using (session_id)
    order by reported_at desc, session_id desc`,
}
