// What a wallet does about one of its sessions, by the table of states.
//
// Promises: of several at once who end, accept, decline or cancel a session one succeeds, and the others are told that it is over. Who accepts
// an invitation is in no other session, and neither is who invited; both leave the queue by it.

import { leaveQueue, lockSession, moveSession, partiesOf } from '../db/statements/session-life.ts'
import { partyOf, type SessionRow } from './session.ts'
import { transitions, type Event, type Refusal } from './states.ts'
import { findLive, inWork, lockActive, type Work, type WorkOn } from './work.ts'

export type Action = Extract<Event, 'accept' | 'decline' | 'cancel' | 'end'>

/** 'no-session': none of this wallet. 'busy', 'they-are-busy': in another one. 'expired': nobody answered in time. */
export type ActRefusal = Refusal | 'no-session' | 'kept-out' | 'busy' | 'they-are-gone' | 'they-are-busy' | 'expired'

export type Acted = { readonly session: SessionRow } | { readonly refused: ActRefusal }

export interface Act {
  readonly sessionId: string
  readonly address: string
  readonly action: Action
}

interface LockedSession extends SessionRow {
  /** Nobody answered in time. */
  readonly is_late: boolean
}

interface Parties {
  readonly a_addr: string
  readonly b_addr: string | null
}

const namesOf = ({ a_addr, b_addr }: Parties): readonly string[] => (b_addr === null ? [a_addr] : [a_addr, b_addr])

export async function act(strata: WorkOn, asked: Act): Promise<Acted> {
  for (;;) {
    const acted = await inWork(strata, async (work) => await attempt(work, asked))
    // Somebody came to it between the look and the locks, which happens once to a session.
    if (acted !== 'again') return acted
  }
}

async function attempt(work: Work, { sessionId, address, action }: Act): Promise<Acted | 'again'> {
  const seen = await work.one<Parties>(partiesOf, [sessionId])
  if (seen === undefined || partyOf(seen, address) === undefined) return { refused: 'no-session' }
  const active = await lockActive(work, namesOf(seen))
  const session = await work.one<LockedSession>(lockSession, [sessionId])
  if (session === undefined) return { refused: 'no-session' }
  if (session.b_addr !== seen.b_addr) return 'again'
  const party = partyOf(session, address)
  if (party === undefined) return { refused: 'no-session' }
  const outcome = transitions[session.status][action][party]
  if ('refused' in outcome) return outcome
  if (action === 'accept') {
    const refused = await whyNotAccept(work, { session, address, active })
    if (refused !== undefined) return { refused }
    await work.rows(leaveQueue, [namesOf(session)])
  }
  const moved = await work.one(moveSession, [sessionId, outcome.next, action === 'accept' ? null : address])
  return moved === undefined ? { refused: 'no-session' } : { session: moved }
}

interface Accepting {
  readonly session: LockedSession
  readonly address: string
  readonly active: ReadonlySet<string>
}

async function whyNotAccept(work: Work, { session, address, active }: Accepting): Promise<ActRefusal | undefined> {
  if (session.is_late) return 'expired'
  if (!active.has(address)) return 'kept-out'
  if (!active.has(session.a_addr)) return 'they-are-gone'
  if ((await findLive(work, address))?.status === 'active') return 'busy'
  return (await findLive(work, session.a_addr))?.status === 'active' ? 'they-are-busy' : undefined
}
