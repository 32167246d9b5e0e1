// A report is about a session that has begun, by one of its two wallets, of the other. Each of the two makes one at most.
//
// What must be true: the two users are locked first, in the order of their addresses, as by all that touches sessions of several: so nobody
// waits in a circle.

import { fileReport, lockWallets, markReported } from '../db/statements/moderation.ts'
import { inWork, type WorkOn } from '../sessions/work.ts'
import type { Report } from './report.ts'

export interface Filing {
  readonly sessionId: string
  readonly reporter: string
  readonly reason: string
  readonly detail: string | null
}

export type Filed = { readonly report: Report } | { readonly refused: 'no-session' | 'not-begun' | 'reported-already' }

export async function addReport(on: WorkOn, filing: Filing): Promise<Filed> {
  const { sessionId, reporter, reason, detail } = filing
  return await inWork(on, async (work): Promise<Filed> => {
    const wallets = await work.rows<{ address: string; has_begun: boolean }>(lockWallets, [sessionId])
    const own = wallets.find(({ address }) => address === reporter)
    if (own === undefined) return { refused: 'no-session' }
    if (!own.has_begun) return { refused: 'not-begun' }
    const report = await work.one<Report>(fileReport, [sessionId, reporter, reason, detail])
    if (report === undefined) return { refused: 'reported-already' }
    await work.rows(markReported, [sessionId])
    return { report }
  })
}
