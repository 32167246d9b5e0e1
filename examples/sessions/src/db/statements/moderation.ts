// Statements by which reports are made, and moderators take, give back and decide about them. Each changes a report only out of the state
// that it is about, so of several at once one wins.

import { reportColumns } from './reports.ts'
import type { Statement } from './statement.ts'

/** Of session $1 by wallet $2, who takes part in it, where it has begun; $3 the reason, $4 the detail. A second one is not made. */
export const fileReport: Statement = {
  name: 'file_report',
  text: `
    insert into reports (session_id, reporter, reported, reason, detail)
    select session_id, $2, case when a_addr = $2 then b_addr else a_addr end, $3, $4
    from sessions
    where session_id = $1
      and $2 in (a_addr, b_addr)
      and started_at is not null
    on conflict (session_id, reporter) do nothing
    returning ${reportColumns}`,
}

/** Session $1, in which wallet $2 takes part. */
export const sessionToReport: Statement = {
  name: 'session_to_report',
  text: `
    select started_at is not null as has_begun
    from sessions
    where session_id = $1
      and $2 in (a_addr, b_addr)`,
}

/** How many moderator $1, who is locked, has on the desk. */
export const deskSize: Statement = {
  name: 'desk_size',
  text: `
    select count(*)::int as reports
    from reports
    where claimed_by = $1
      and status = 'claimed'`,
}

/** Report $1 for moderator $2, who has no part in it. */
export const claimReport: Statement = {
  name: 'claim_report',
  text: `
    update reports
    set status = 'claimed',
      claimed_by = $2,
      claimed_at = now()
    where report_id = $1
      and status = 'open'
      and $2 not in (reporter, reported)
    returning ${reportColumns}`,
}

/** Report $1, which moderator $2 has, goes back into the queue. */
export const releaseReport: Statement = {
  name: 'release_report',
  text: `
    update reports
    set status = 'open',
      claimed_by = null,
      claimed_at = null
    where report_id = $1
      and status = 'claimed'
      and claimed_by = $2
    returning ${reportColumns}`,
}

/** Report $1, which moderator $2 has: $3 what was decided, $4 why. */
export const resolveReport: Statement = {
  name: 'resolve_report',
  text: `
    update reports
    set status = $3,
      resolved_at = now(),
      resolution = $4
    where report_id = $1
      and status = 'claimed'
      and claimed_by = $2
    returning ${reportColumns}`,
}

/** Wallet $1 becomes $2: a ban is never made a suspension. */
export const keepOut: Statement = {
  name: 'keep_out',
  text: `
    update users
    set status = $2
    where address = $1
      and status in ('active', 'suspended')
      and status <> $2
    returning address`,
}

/** Wallet $1 may take part again. */
export const letIn: Statement = {
  name: 'let_in',
  text: `
    update users
    set status = 'active'
    where address = $1
      and status <> 'active'
    returning address, status`,
}

/** What wallet $1 waits for, is invited to, or is in, is over. */
export const endSessionsOf: Statement = {
  name: 'end_sessions_of',
  text: `
    update sessions
    set status = case status when 'active' then 'ended' else 'cancelled' end,
      ended_at = now()
    where session_id in (
      select session_id
      from sessions
      where (a_addr = $1 and status in ('waiting', 'invited', 'active'))
        or (b_addr = $1 and status in ('invited', 'active'))
      order by session_id
      for no key update
    )
      and status in ('waiting', 'invited', 'active')`,
}

/** What moderators have on their desks, the longest first: $1, $2 the time and the id of the row before; $3 how many; $4 who asks, of whom none is shown. */
export const claimedReports: Statement = {
  name: 'claimed_reports',
  text: `
    select ${reportColumns}
    from reports
    where status = 'claimed'
      and (claimed_at, report_id) > ($1, $2)
      and reported <> $4
    order by claimed_at, report_id
    limit $3`,
}

/** How many wait, how many are being looked at, and since when the oldest waits. */
export const queueState: Statement = {
  name: 'queue_state',
  text: `
    select
      (select count(*) from reports where status = 'open') as open,
      (select count(*) from reports where status = 'claimed') as claimed,
      (select min(created_at) from reports where status = 'open') as oldest`,
}
