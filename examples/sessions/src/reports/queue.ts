// The queue that moderators work through: what is open, the oldest first; what somebody has taken is that moderator's until it is decided
// about, given back, or forgotten for half an hour.
//
// Promises: of any number who take one report at the same time one has it. Of any number who take the next each has another, and nobody waits
// for anybody: a row that somebody else has locked is passed over. Nobody decides about what is said by or of the own wallet. To take what
// one has already changes nothing.

import { readPage, type Page } from '../db/pages.ts'
import type { Query } from '../db/query.ts'
import { claimedReports, claimReport, releaseReport } from '../db/statements/moderation.ts'
import { claimNextReport, openReports, reportById, reportsClaimedBy } from '../db/statements/reports.ts'
import type { Report } from './report.ts'

export interface QueueChoice {
  readonly status: 'open' | 'claimed'
  readonly cursor: string | undefined
  readonly limit: number
}

export async function readQueue(query: Query, { status, ...page }: QueueChoice): Promise<Page<Report>> {
  return status === 'open'
    ? await readPage<Report>(query, openReports, {
        ...page,
        keys: { by: ['created_at', 'report_id'], descending: false },
      })
    : await readPage<Report>(query, claimedReports, {
        ...page,
        keys: { by: ['claimed_at', 'report_id'], descending: false },
      })
}

/** What a moderator has taken, the longest first. */
export async function readDesk(query: Query, moderator: string): Promise<readonly Report[]> {
  const { rows } = await query<Report>(reportsClaimedBy.text, [moderator])
  return rows
}

export type Refusal = 'no-report' | 'own-report' | 'taken' | 'not-yours' | 'decided'

export type Handled = { readonly report: Report } | { readonly refused: Refusal }

export async function claim(query: Query, reportId: string, moderator: string): Promise<Handled> {
  const { rows } = await query<Report>(claimReport.text, [reportId, moderator])
  const [report] = rows
  if (report !== undefined) return { report }
  const found = await readReport(query, reportId)
  if (found?.status === 'claimed' && found.claimed_by === moderator) return { report: found }
  return { refused: whyNot(found, moderator, 'taken') }
}

/** undefined: nothing is open. */
export async function claimNext(query: Query, moderator: string): Promise<Report | undefined> {
  const { rows } = await query<Report>(claimNextReport.text, [moderator])
  return rows[0]
}

export async function release(query: Query, reportId: string, moderator: string): Promise<Handled> {
  const { rows } = await query<Report>(releaseReport.text, [reportId, moderator])
  const [report] = rows
  return report === undefined
    ? { refused: whyNot(await readReport(query, reportId), moderator, 'not-yours') }
    : { report }
}

async function readReport(query: Query, reportId: string): Promise<Report | undefined> {
  // On the primary: what a statement has just refused is asked about.
  const { rows } = await query<Report>(reportById.text, [reportId], { route: 'write' })
  return rows[0]
}

/** Of a report that a statement did not change. */
export function whyNot(report: Report | undefined, moderator: string, otherwise: 'taken' | 'not-yours'): Refusal {
  if (report === undefined) return 'no-report'
  if (report.status === 'dismissed' || report.status === 'upheld') return 'decided'
  if (report.reporter === moderator || report.reported === moderator) return 'own-report'
  return otherwise
}
