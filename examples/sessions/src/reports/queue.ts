// The queue that moderators work through: what is open, the oldest first; what somebody has taken is that moderator's until it is decided
// about, given back, or forgotten for half an hour.
//
// Promises: of any number who take one report at the same time one has it. Of any number who take the next each has another, and nobody waits
// for anybody else: a row that somebody else has locked is passed over. Nobody decides about what is said by or of the own wallet, and nobody
// reads here what is said of it. To take what one has already changes nothing. A moderator has so many at a time that others find some, too:
// the moderator is locked while they are counted.

import { readPage, type Page } from '../db/pages.ts'
import type { Query } from '../db/query.ts'
import { claimedReports, claimReport, deskSize, releaseReport } from '../db/statements/moderation.ts'
import { claimNextReport, openReports, reportById, reportsClaimedBy } from '../db/statements/reports.ts'
import { lockUsers } from '../db/statements/session-life.ts'
import { inWork, type Work, type WorkOn } from '../sessions/work.ts'
import type { Report } from './report.ts'

export interface QueueChoice {
  readonly status: 'open' | 'claimed'
  readonly cursor: string | undefined
  readonly limit: number
  /** Who asks. */
  readonly moderator: string
}

/** Of one moderator at a time. */
export const mostOnDesk = 20

export async function readQueue(query: Query, { status, moderator, ...rest }: QueueChoice): Promise<Page<Report>> {
  const page = { ...rest, values: [moderator] }
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
  const { rows } = await query<Report>(reportsClaimedBy.text, [moderator, mostOnDesk])
  return rows
}

export type Refusal = 'no-report' | 'own-report' | 'taken' | 'not-yours' | 'decided' | 'desk-full'

export type Handled = { readonly report: Report } | { readonly refused: Refusal }

export async function claim(on: WorkOn, reportId: string, moderator: string): Promise<Handled> {
  return await inWork(on, async (work): Promise<Handled> => {
    const isFull = await hasFullDesk(work, moderator)
    const report = isFull ? undefined : await work.one<Report>(claimReport, [reportId, moderator])
    if (report !== undefined) return { report }
    const found = await work.one<Report>(reportById, [reportId])
    if (found?.status === 'claimed' && found.claimed_by === moderator) return { report: found }
    const refused = whyNot(found, moderator, 'taken')
    return { refused: isFull && refused === 'taken' ? 'desk-full' : refused }
  })
}

/** undefined: nothing is open. */
export async function claimNext(on: WorkOn, moderator: string): Promise<Handled | undefined> {
  return await inWork(on, async (work): Promise<Handled | undefined> => {
    if (await hasFullDesk(work, moderator)) return { refused: 'desk-full' }
    const report = await work.one<Report>(claimNextReport, [moderator])
    return report === undefined ? undefined : { report }
  })
}

async function hasFullDesk(work: Work, moderator: string): Promise<boolean> {
  await work.rows(lockUsers, [[moderator]])
  const size = await work.one<{ reports: number }>(deskSize, [moderator])
  return (size?.reports ?? 0) >= mostOnDesk
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

/** Of a report that a statement did not change. One of the own wallet is not there. */
export function whyNot(report: Report | undefined, moderator: string, otherwise: 'taken' | 'not-yours'): Refusal {
  if (report === undefined || report.reported === moderator) return 'no-report'
  if (report.status === 'dismissed' || report.status === 'upheld') return 'decided'
  if (report.reporter === moderator) return 'own-report'
  return otherwise
}
