// What a moderator decides about a report, and what comes of it for the wallet that was reported.
//
// Promises: a report is decided about once, by the moderator who has taken it. The decision and what comes of it are one transaction: who is
// kept out is in no session any more, and waits for none. A ban is never made a suspension.
// What must be true: the user is locked before the user's sessions, as by all that begins or ends one.

import { endSessionsOf, keepOut, resolveReport } from '../db/statements/moderation.ts'
import { reportById } from '../db/statements/reports.ts'
import { lockUsers } from '../db/statements/session-life.ts'
import { inWork, type WorkOn } from '../sessions/work.ts'
import { whyNot, type Handled } from './queue.ts'
import type { Report } from './report.ts'

export const effects = ['none', 'suspend', 'ban'] as const

export type Effect = (typeof effects)[number]

const statusBy = { suspend: 'suspended', ban: 'banned' } as const

interface Decision {
  readonly status: 'dismissed' | 'upheld'
  readonly resolution: string
  /** On the wallet that was reported, where the report is upheld. */
  readonly effect: Effect
}

export interface DecisionOf extends Decision {
  readonly reportId: string
  readonly moderator: string
}

export async function decide(on: WorkOn, decision: DecisionOf): Promise<Handled> {
  const { reportId, moderator, status, resolution, effect } = decision
  return await inWork(on, async (work): Promise<Handled> => {
    const report = await work.one<Report>(resolveReport, [reportId, moderator, status, resolution])
    if (report === undefined)
      return { refused: whyNot(await work.one<Report>(reportById, [reportId]), moderator, 'not-yours') }
    if (effect !== 'none' && status === 'upheld') {
      const { reported } = report
      await work.rows(lockUsers, [[reported]])
      await work.rows(keepOut, [reported, statusBy[effect]])
      await work.rows(endSessionsOf, [reported])
    }
    return { report }
  })
}
