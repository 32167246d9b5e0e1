// What two people are to each other, as one of them sees it, and what becomes of it by what that one does. Pure and total: the
// compiler demands an answer for every state and action.
//
// What is stored are rows { user_id, friend_id, status }: of a request by the one who asked, of a block by the one who blocks. A
// refusal never tells whether somebody declined or blocked, nor whether somebody unknown has asked at all.

import type { FriendshipStatus } from '../database.ts'

export type Action = 'request' | 'accept' | 'decline' | 'block' | 'remove'

export type State =
  | 'none'
  | 'outgoing'
  | 'incoming'
  | 'friends'
  | 'declined-by-me'
  | 'declined-by-them'
  | 'blocked-by-me'
  | 'blocked-by-them'
  | 'blocked-by-both'

export type Refusal = 'no-request' | 'not-yours' | 'already-friends' | 'unwanted' | 'blocked' | 'nothing'

export type Outcome = { readonly next: State } | { readonly refused: Refusal }

const to = (next: State): Outcome => ({ next })
const refuse = (refused: Refusal): Outcome => ({ refused })

export const transitions: Readonly<Record<State, Readonly<Record<Action, Outcome>>>> = {
  none: {
    request: to('outgoing'),
    accept: refuse('no-request'),
    decline: refuse('no-request'),
    block: to('blocked-by-me'),
    remove: refuse('nothing'),
  },
  outgoing: {
    request: to('outgoing'),
    accept: refuse('not-yours'),
    decline: refuse('not-yours'),
    block: to('blocked-by-me'),
    remove: to('none'),
  },
  incoming: {
    // Both have asked.
    request: to('friends'),
    accept: to('friends'),
    decline: to('declined-by-me'),
    block: to('blocked-by-me'),
    remove: to('declined-by-me'),
  },
  friends: {
    request: to('friends'),
    accept: to('friends'),
    decline: refuse('already-friends'),
    block: to('blocked-by-me'),
    remove: to('none'),
  },
  'declined-by-me': {
    request: to('outgoing'),
    accept: refuse('no-request'),
    decline: to('declined-by-me'),
    block: to('blocked-by-me'),
    // They may ask again.
    remove: to('none'),
  },
  'declined-by-them': {
    request: refuse('unwanted'),
    accept: refuse('no-request'),
    decline: refuse('no-request'),
    block: to('blocked-by-me'),
    // Or they would be asked again.
    remove: refuse('nothing'),
  },
  'blocked-by-me': {
    request: refuse('blocked'),
    accept: refuse('blocked'),
    decline: refuse('blocked'),
    block: to('blocked-by-me'),
    remove: to('none'),
  },
  'blocked-by-them': {
    request: refuse('unwanted'),
    accept: refuse('no-request'),
    decline: refuse('no-request'),
    block: to('blocked-by-both'),
    remove: refuse('nothing'),
  },
  'blocked-by-both': {
    request: refuse('blocked'),
    accept: refuse('blocked'),
    decline: refuse('blocked'),
    block: to('blocked-by-both'),
    remove: to('blocked-by-them'),
  },
}

/** Of the two rows there may be: the one that I wrote, and the one that they wrote. */
export interface PairRows {
  readonly mine: FriendshipStatus | undefined
  readonly theirs: FriendshipStatus | undefined
}

/** Who wrote the row of a friendship does not matter; it stays as it is. */
export function rowsOf(next: State, { mine, theirs }: PairRows): PairRows {
  switch (next) {
    case 'none':
      return { mine: undefined, theirs: undefined }
    case 'outgoing':
      return { mine: 'PENDING', theirs: undefined }
    case 'incoming':
      return { mine: undefined, theirs: 'PENDING' }
    case 'friends':
      return theirs === undefined && mine !== undefined
        ? { mine: 'ACCEPTED', theirs: undefined }
        : { mine: undefined, theirs: 'ACCEPTED' }
    case 'declined-by-me':
      return { mine: undefined, theirs: 'DECLINED' }
    case 'declined-by-them':
      return { mine: 'DECLINED', theirs: undefined }
    case 'blocked-by-me':
      return { mine: 'BLOCKED', theirs: undefined }
    case 'blocked-by-them':
      return { mine: undefined, theirs: 'BLOCKED' }
    case 'blocked-by-both':
      return { mine: 'BLOCKED', theirs: 'BLOCKED' }
  }
}

/** A block stands above all; of two requests, which only rows made by hand can be, a friendship stands above the rest. */
export function stateOf({ mine, theirs }: PairRows): State {
  if (mine === 'BLOCKED') return theirs === 'BLOCKED' ? 'blocked-by-both' : 'blocked-by-me'
  if (theirs === 'BLOCKED') return 'blocked-by-them'
  if (mine === 'ACCEPTED' || theirs === 'ACCEPTED') return 'friends'
  if (theirs === 'PENDING') return 'incoming'
  if (mine === 'PENDING') return 'outgoing'
  if (theirs === 'DECLINED') return 'declined-by-me'
  return mine === 'DECLINED' ? 'declined-by-them' : 'none'
}
