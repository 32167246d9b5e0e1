// Statements that begin, move and end sessions. Each is part of a transaction that has locked the users it is about before, in the order of
// their addresses; so what is read of their sessions and blocks stays true until it commits.

import { longestWaiting, mayMeet, sessionColumns } from './sessions.ts'
import type { Statement } from './statement.ts'

/** Those of $1 that are there. */
export const lockUsers: Statement = {
  name: 'lock_users',
  text: `
    select address, status
    from users
    where address = any ($1::text[])
    order by address
    for no key update`,
}

export const partiesOf: Statement = {
  name: 'parties_of',
  text: `
    select a_addr, b_addr
    from sessions
    where session_id = $1`,
}

export const lockSession: Statement = {
  name: 'lock_session',
  text: `
    select ${sessionColumns}, coalesce(expires_at <= clock_timestamp(), false) as is_late
    from sessions
    where session_id = $1
    for no key update`,
}

/** Session $1 becomes $2, by $3 where it is over. */
export const moveSession: Statement = {
  name: 'move_session',
  text: `
    update sessions
    set status = $2::text,
      started_at = case when $2::text = 'active' then clock_timestamp() else started_at end,
      ended_at = case when $2::text in ('ended', 'declined', 'cancelled', 'expired') then clock_timestamp() end,
      ended_by = $3,
      expires_at = case when $2::text = 'active' then null else expires_at end
    where session_id = $1
    returning ${sessionColumns}`,
}

/** Who waits longest, may be matched with $1, and is not just being matched by somebody else: with the user, who is locked first. */
export const takeWaiting: Statement = {
  name: 'take_waiting',
  text: `${longestWaiting.text}
    for no key update of u, s skip locked`,
}

/** Whether the one who waits in session $2 still does, and may be matched with $1. */
export const stillWaiting: Statement = {
  name: 'still_waiting',
  text: `
    select s.session_id, s.a_addr
    from sessions as s
    join users as u on u.address = s.a_addr
    where ${mayMeet}
      and u.status = 'active'
      and s.session_id = $2
    for no key update of s`,
}

/** Wallet $2 comes to the one who waits in session $1. */
export const beginSession: Statement = {
  name: 'begin_session',
  text: `
    update sessions
    set status = 'active',
      b_addr = $2,
      started_at = clock_timestamp(),
      expires_at = null
    where session_id = $1
      and status = 'waiting'
    returning ${sessionColumns}`,
}

/** Wallets $1 wait no longer: they are in a session. */
export const leaveQueue: Statement = {
  name: 'leave_queue',
  text: `
    update sessions
    set status = 'cancelled',
      ended_at = clock_timestamp(),
      ended_by = a_addr
    where a_addr = any ($1::text[])
      and status = 'waiting'`,
}

export const joinQueue: Statement = {
  name: 'join_queue',
  text: `
    insert into sessions (a_addr, status, expires_at)
    values ($1, 'waiting', clock_timestamp() + interval '2 minutes')
    returning ${sessionColumns}`,
}

/** Who asks again keeps the place. */
export const stayInQueue: Statement = {
  name: 'stay_in_queue',
  text: `
    update sessions
    set expires_at = clock_timestamp() + interval '2 minutes'
    where a_addr = $1
      and status = 'waiting'
    returning ${sessionColumns}`,
}

/** Of one of two wallets to the other, in either direction. */
export const invitationsBetween: Statement = {
  name: 'invitations_between',
  text: `
    select session_id, a_addr, expires_at > clock_timestamp() as is_open
    from sessions
    where status = 'invited'
      and ((a_addr = $1 and b_addr = $2) or (a_addr = $2 and b_addr = $1))
    order by session_id
    for no key update`,
}

/** Invitations of $1 that nobody has answered. */
export const openInvitationsBy: Statement = {
  name: 'open_invitations_by',
  text: `
    select count(*)::int as invitations
    from sessions
    where a_addr = $1
      and status = 'invited'
      and expires_at > now()`,
}

export const addInvitation: Statement = {
  name: 'add_invitation',
  text: `
    insert into sessions (a_addr, b_addr, status, expires_at)
    values ($1, $2, 'invited', clock_timestamp() + interval '10 minutes')
    returning ${sessionColumns}`,
}
