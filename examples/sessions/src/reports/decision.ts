// What a moderator decides about a report, and what comes of it for the wallet that was reported.
//
// Promises: a report is decided about once, by the moderator who has taken it. The decision and what comes of it are one transaction: who is
// kept out is in no session any more, and waits for none; when it is answered, what is kept of that wallet is gone. A ban is never made a
// suspension. A moderator may take either back.
// What must be true: the user is locked before the user's sessions, as by all that begins or ends one.

import type { Strata } from 'pgstrata'
import { forget, layers, type Query } from '../db/query.ts'
import { endSessionsOf, keepOut, letIn, resolveReport } from '../db/statements/moderation.ts'
import { reportById } from '../db/statements/reports.ts'
import { lockUsers } from '../db/statements/session-life.ts'
import { inWork } from '../sessions/work.ts'
import type { User } from '../users/store.ts'
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

export async function decide(on: Pick<Strata, 'tx' | 'cache'>, decision: DecisionOf): Promise<Handled> {
  const { reportId, moderator, status, resolution, effect } = decision
  const handled = await inWork(on, async (work): Promise<Handled> => {
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
  if (effect !== 'none' && 'report' in handled) await forget(on, layers.wallet(handled.report.reported))
  return handled
}

export interface RestoreOn extends Pick<Strata, 'cache'> {
  readonly query: Query
}

/** What was decided about a wallet is taken back: it may take part again. undefined: nobody has kept it out. */
export async function restore(on: RestoreOn, address: string): Promise<Pick<User, 'address' | 'status'> | undefined> {
  const { rows } = await on.query<Pick<User, 'address' | 'status'>>(letIn.text, [address])
  if (rows.length > 0) await forget(on, layers.wallet(address))
  return rows[0]
}
