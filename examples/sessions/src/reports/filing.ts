// A report is about a session that has begun, by one of its two wallets, of the other. Each of the two makes one at most.
//
// Promises: whatever is sent at the same time, a wallet reports a session once: a constraint says so. Nothing that the reported one hears of
// or reads is changed by it, neither the session nor a wallet. One statement, which needs no lock: a session that has begun stays so.

import type { Query } from '../db/query.ts'
import { fileReport, sessionToReport } from '../db/statements/moderation.ts'
import type { Report } from './report.ts'

export interface Filing {
  readonly sessionId: string
  readonly reporter: string
  readonly reason: string
  readonly detail: string | null
}

export type Filed = { readonly report: Report } | { readonly refused: 'no-session' | 'not-begun' | 'reported-already' }

export async function addReport(query: Query, filing: Filing): Promise<Filed> {
  const { sessionId, reporter, reason, detail } = filing
  const { rows } = await query<Report>(fileReport.text, [sessionId, reporter, reason, detail])
  const [report] = rows
  return report === undefined ? { refused: await whyNot(query, filing) } : { report }
}

async function whyNot(
  query: Query,
  { sessionId, reporter }: Filing,
): Promise<'no-session' | 'not-begun' | 'reported-already'> {
  // On the primary: what a statement has just refused is asked about.
  const { rows } = await query<{ has_begun: boolean }>(sessionToReport.text, [sessionId, reporter], { route: 'write' })
  const [own] = rows
  if (own === undefined) return 'no-session'
  return own.has_begun ? 'reported-already' : 'not-begun'
}
