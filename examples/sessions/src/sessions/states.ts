// What becomes of a session by what happens to it, and who may do what. Pure and total: the compiler demands an answer for every state and
// event.
//
//   waiting ── match ──▶ active ── end ──▶ ended          waiting, invited ── cancel ──▶ cancelled
//   invited ── accept ─▶ active            invited ── decline ─▶ declined
//   waiting, invited ── expire ─▶ expired                 block: as cancel, decline or end, so that nobody is told

export type State = 'waiting' | 'invited' | 'active' | 'ended' | 'declined' | 'cancelled' | 'expired'

/** `exclude`: a moderator keeps one of the two out. */
export type Event = 'match' | 'accept' | 'decline' | 'cancel' | 'end' | 'block' | 'exclude' | 'expire'

/** `a` waits or invites, `b` is who came or was asked; nobody of the two: the service itself. */
export type Party = 'a' | 'b' | 'service'

export type Refusal = 'not-yours' | 'not-invited' | 'not-active' | 'not-open' | 'alone' | 'over'

type Outcome = { readonly next: State } | { readonly refused: Refusal }

type Answers = Readonly<Record<Party, Outcome>>

const refuse = (refused: Refusal): Answers => ({ a: { refused }, b: { refused }, service: { refused } })
const notYours: Outcome = { refused: 'not-yours' }
const byA = (next: State): Answers => ({ a: { next }, b: notYours, service: notYours })
const byB = (next: State): Answers => ({ a: notYours, b: { next }, service: notYours })
const byEither = (next: State): Answers => ({ a: { next }, b: { next }, service: notYours })
const byService = (next: State): Answers => ({ a: notYours, b: notYours, service: { next } })

const over: Readonly<Record<Event, Answers>> = {
  match: refuse('over'),
  accept: refuse('over'),
  decline: refuse('over'),
  cancel: refuse('over'),
  end: refuse('over'),
  block: refuse('over'),
  exclude: refuse('over'),
  expire: refuse('over'),
}

export const transitions: Readonly<Record<State, Readonly<Record<Event, Answers>>>> = {
  waiting: {
    match: byService('active'),
    accept: refuse('not-invited'),
    decline: refuse('not-invited'),
    cancel: byA('cancelled'),
    end: refuse('not-active'),
    block: refuse('alone'),
    exclude: byService('cancelled'),
    expire: byService('expired'),
  },
  invited: {
    match: refuse('not-open'),
    accept: byB('active'),
    decline: byB('declined'),
    cancel: byA('cancelled'),
    end: refuse('not-active'),
    block: { a: { next: 'cancelled' }, b: { next: 'declined' }, service: notYours },
    exclude: byService('cancelled'),
    expire: byService('expired'),
  },
  active: {
    match: refuse('not-open'),
    accept: refuse('not-invited'),
    decline: refuse('not-invited'),
    cancel: refuse('not-open'),
    end: byEither('ended'),
    block: byEither('ended'),
    exclude: byService('ended'),
    // Both have forgotten it.
    expire: byService('ended'),
  },
  ended: over,
  declined: over,
  cancelled: over,
  expired: over,
}
