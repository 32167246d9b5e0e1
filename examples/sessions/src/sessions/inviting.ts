// A wallet invites another one.
//
// Promises: of two wallets one has invited the other at most once at a time, and of who invites at once one succeeds. Nobody is invited by a
// wallet that is blocked or kept out; to the one who is blocked the other is not there, as everywhere.

import { blocksBetween } from '../db/statements/blocks.ts'
import { addInvitation, invitationsBetween, moveSession, openInvitationsBy } from '../db/statements/session-life.ts'
import type { SessionRow } from './session.ts'
import { findLive, inWork, lockActive, type Work, type WorkOn } from './work.ts'

export type InviteRefusal =
  | 'oneself'
  | 'kept-out'
  | 'nobody'
  | 'blocked'
  | 'busy'
  | 'invited'
  | 'invited-by-them'
  | 'too-many'

export type Invited =
  | { readonly session: SessionRow }
  /** `sessionId`: the one that stands in the way. */
  | { readonly refused: InviteRefusal; readonly sessionId?: string }

export interface Invitation {
  readonly by: string
  readonly to: string
}

/** That nobody has answered. */
export const mostInvitations = 10

export async function invite(strata: WorkOn, { by, to }: Invitation): Promise<Invited> {
  if (by === to) return { refused: 'oneself' }
  return await inWork(strata, async (work): Promise<Invited> => {
    const active = await lockActive(work, [by, to])
    if (!active.has(by)) return { refused: 'kept-out' }
    if (!active.has(to)) return { refused: 'nobody' }
    const blocks = await work.rows<{ blocker: string }>(blocksBetween, [by, to])
    if (blocks.some(({ blocker }) => blocker === to)) return { refused: 'nobody' }
    if (blocks.length > 0) return { refused: 'blocked' }
    const live = await findLive(work, by)
    if (live?.status === 'active') return { refused: 'busy', sessionId: live.session_id }
    return (await whyNotInvite(work, { by, to })) ?? (await add(work, { by, to }))
  })
}

interface Open {
  readonly session_id: string
  readonly a_addr: string
  readonly is_open: boolean
}

async function whyNotInvite(work: Work, { by, to }: Invitation): Promise<Invited | undefined> {
  for (const { session_id, a_addr, is_open } of await work.rows<Open>(invitationsBetween, [by, to])) {
    if (is_open) return { refused: a_addr === by ? 'invited' : 'invited-by-them', sessionId: session_id }
    // The job that does it has not come yet.
    await work.rows(moveSession, [session_id, 'expired', null])
  }
  const open = await work.one<{ invitations: number }>(openInvitationsBy, [by])
  return (open?.invitations ?? 0) >= mostInvitations ? { refused: 'too-many' } : undefined
}

async function add(work: Work, { by, to }: Invitation): Promise<Invited> {
  const session = await work.one(addInvitation, [by, to])
  if (session === undefined) throw new Error('Expected the invitation that was made, got none')
  return { session }
}
