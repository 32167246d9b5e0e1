// Sessions of a wallet, read. One that is named is kept for an hour: whatever changes its row ends that.

import { readPage, type Page } from '../db/pages.ts'
import { layers, type Query } from '../db/query.ts'
import { currentSessionOf, sessionById, sessionsOf, sessionsOfByStatus } from '../db/statements/sessions.ts'
import { partyOf, type SessionRow } from './session.ts'
import type { State } from './states.ts'

/** undefined: there is none, or it is none of this wallet. */
export async function findSession(query: Query, sessionId: string, address: string): Promise<SessionRow | undefined> {
  const { rows } = await query<SessionRow>(sessionById.text, [sessionId], layers.session(sessionId))
  const [session] = rows
  return session === undefined || partyOf(session, address) === undefined ? undefined : session
}

/** The one in which a wallet waits, or is. */
export async function findCurrent(query: Query, address: string): Promise<SessionRow | undefined> {
  const { rows } = await query<SessionRow>(currentSessionOf.text, [address])
  return rows[0]
}

export interface SessionList {
  readonly of: string
  readonly status?: State | undefined
  readonly cursor?: string | undefined
  readonly limit: number
}

/** The newest first. */
export async function listSessions(
  query: Query,
  { of, status, cursor, limit }: SessionList,
): Promise<Page<SessionRow>> {
  return await readPage<SessionRow>(query, status === undefined ? sessionsOf : sessionsOfByStatus, {
    keys: { by: ['created_at', 'session_id'], descending: true },
    cursor,
    limit,
    first: [of],
    values: status === undefined ? [] : [status],
  })
}
