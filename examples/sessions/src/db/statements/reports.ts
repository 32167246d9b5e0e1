// Statements about reports, and the queue that moderators work through. Nobody reads what is reported of the own wallet: where a list could
// have it, it takes who asks.

import type { Statement } from './statement.ts'

export const reportColumns =
  'report_id, session_id, reporter, reported, reason, detail, status, created_at, claimed_by, claimed_at, resolved_at, resolution'

export const reportById: Statement = {
  name: 'report_by_id',
  text: `
    select ${reportColumns}
    from reports
    where report_id = $1`,
}

/** The oldest first: $1, $2 the time and the id of the row before ('-infinity' and 0 for none); $3 how many; $4 who asks. */
export const openReports: Statement = {
  name: 'open_reports',
  text: `
    select ${reportColumns}
    from reports
    where status = 'open'
      and (created_at, report_id) > ($1, $2)
      and reported <> $4
    order by created_at, report_id
    limit $3`,
}

/** The oldest that nobody else takes at this moment, for moderator $1, who has no part in it. */
export const claimNextReport: Statement = {
  name: 'claim_next_report',
  text: `
    update reports
    set status = 'claimed',
      claimed_by = $1,
      claimed_at = now()
    where report_id = (
      select report_id
      from reports
      where status = 'open'
        and $1 not in (reporter, reported)
      order by created_at, report_id
      limit 1
      for update skip locked
    )
      and status = 'open'
    returning ${reportColumns}`,
}

/** What $1 has on the desk, the oldest first; $2 how many. */
export const reportsClaimedBy: Statement = {
  name: 'reports_claimed_by',
  text: `
    select ${reportColumns}
    from reports
    where claimed_by = $1
      and status = 'claimed'
    order by claimed_at
    limit $2`,
}

/** What somebody took and did not decide about goes back into the queue. A job does it. */
export const releaseStaleReports: Statement = {
  name: 'release_stale_reports',
  text: `
    update reports
    set status = 'open',
      claimed_by = null,
      claimed_at = null
    where report_id in (
      select report_id
      from reports
      where status = 'claimed'
        and claimed_at < now() - interval '30 minutes'
      order by claimed_at, report_id
      limit 1000
      for update skip locked
    )
      and status = 'claimed'`,
}

/** What was reported of $1, the newest first; $2 how many. */
export const reportsAbout: Statement = {
  name: 'reports_about',
  text: `
    select ${reportColumns}
    from reports
    where reported = $1
    order by created_at desc
    limit $2`,
}

/** What $1 has reported, the newest first; $2 how many; $3 who asks. */
export const reportsFrom: Statement = {
  name: 'reports_from',
  text: `
    select ${reportColumns}
    from reports
    where reporter = $1
      and reported <> $3
    order by created_at desc
    limit $2`,
}

/** For one reason, since a time, the newest first: $1 the reason, $2 the time, $3 how many; $4 who asks. */
export const reportsForReason: Statement = {
  name: 'reports_for_reason',
  text: `
    select ${reportColumns}
    from reports
    where reason = $1
      and created_at >= $2
      and reported <> $4
    order by created_at desc
    limit $3`,
}

/** $1, $2 the time and the id of the row before; $3 how many; $4 who asks. */
export const newestReports: Statement = {
  name: 'newest_reports',
  text: `
    select ${reportColumns}
    from reports
    where (created_at, report_id) < ($1, $2)
      and reported <> $4
    order by created_at desc, report_id desc
    limit $3`,
}

/** What was decided about last: $1, $2 the time and the id of the row before; $3 how many; $4 who asks. */
export const reportsResolvedLast: Statement = {
  name: 'reports_resolved_last',
  text: `
    select ${reportColumns}
    from reports
    where resolved_at is not null
      and (resolved_at, report_id) < ($1, $2)
      and reported <> $4
    order by resolved_at desc, report_id desc
    limit $3`,
}
