// Two who wait are brought together.
//
// Promises: a wallet has one live session at most, whoever matches at the same time, and asking again answers with the one it has. Nobody is
// matched with a wallet that one of the two has blocked, with itself, or with one that is kept out. Of those who wait and may meet, no two
// are left waiting for each other.
//
// Whoever asks locks the own user, then takes the longest waiting one that nobody else is just about: `skip locked`, so many match at once
// without waiting for each other. Who found nobody waits, and looks once more: two who came at the same moment did not see each other before
// they committed. That second look waits for its locks, for what was passed over may be just what is needed.

import type { Query } from '../db/query.ts'
import {
  beginSession,
  joinQueue,
  leaveQueue,
  stayInQueue,
  stillWaiting,
  takeWaiting,
} from '../db/statements/session-life.ts'
import { longestWaiting, sessionById } from '../db/statements/sessions.ts'
import type { SessionRow } from './session.ts'
import { findLive, inWork, lockActive, type Work, type WorkOn } from './work.ts'

/** 'kept-out': the wallet itself may not take part any more. */
export type Matched = { readonly session: SessionRow } | { readonly refused: 'kept-out' }

interface Waiting {
  readonly session_id: string
  readonly a_addr: string
}

export interface MatchOn extends WorkOn {
  readonly query: Query
}

/** Another one is chosen that often, where somebody else was first. */
const mostLooks = 20

export async function match(on: MatchOn, address: string): Promise<Matched> {
  let matched = await inWork(on, async (work) => await takeOrWait(work, address))
  let before: string | undefined
  for (let look = 0; look < mostLooks && 'session' in matched && matched.session.status === 'waiting'; look++) {
    const { session_id: own } = matched.session
    const { rows } = await on.query<Waiting>(longestWaiting.text, [address], { route: 'write' })
    const [other] = rows
    // The same one again is one with whom it cannot be.
    if (other === undefined || other.session_id === before) return matched
    before = other.session_id
    matched = await inWork(on, async (work) => await meet(work, { address, own, other }))
  }
  return matched
}

async function takeOrWait(work: Work, address: string): Promise<Matched> {
  if (!(await lockActive(work, [address])).has(address)) return { refused: 'kept-out' }
  const live = await findLive(work, address)
  if (live?.status === 'active') return { session: live }
  const other = await work.one<Waiting>(takeWaiting, [address])
  const session = other === undefined ? undefined : await begin(work, address, other)
  return { session: session ?? (await wait(work, address)) }
}

interface Meeting {
  readonly address: string
  /** Its place in the queue. */
  readonly own: string
  readonly other: Waiting
}

/** Both are locked, in order; then it is seen whether they still wait. Who left the queue meanwhile stays out of it. */
async function meet(work: Work, { address, own, other }: Meeting): Promise<Matched> {
  if (!(await lockActive(work, [address, other.a_addr])).has(address)) return { refused: 'kept-out' }
  const live = (await findLive(work, address)) ?? (await work.one(sessionById, [own]))
  if (live === undefined) throw new Error('Expected the session that was made, got none')
  if (live.status !== 'waiting') return { session: live }
  const waiting = await work.one<Waiting>(stillWaiting, [address, other.session_id])
  const session = waiting === undefined ? undefined : await begin(work, address, waiting)
  return { session: session ?? live }
}

/** The session of the one who waited becomes that of both; the own place in the queue is given up. */
async function begin(work: Work, address: string, { session_id }: Waiting): Promise<SessionRow | undefined> {
  const session = await work.one(beginSession, [session_id, address])
  if (session !== undefined) await work.rows(leaveQueue, [[address]])
  return session
}

async function wait(work: Work, address: string): Promise<SessionRow> {
  const session = (await work.one(stayInQueue, [address])) ?? (await work.one(joinQueue, [address]))
  if (session === undefined) throw new Error('Expected the session that was made, got none')
  return session
}
