// The states of a conversion, and which one follows on what happens. Total: every event is decided in every state.
//
// A state names what is to be done next; a runner that dies leaves the state of what it had not finished, and whoever
// comes next does it. Each step is one transaction with its change of state, or can be done again.
//
//   copy:    preparing → capturing → copying → filling → catching → verifying → closing → swapping → settling → done
//   relabel: keying → checking → validating → preparing → swapping → settling → done
//
// Going back: a table that was truncated, or rewritten while it is copied, is copied anew (`anew`); a swap that finds too much
// pending catches up first (`behind`); one that finds its bound no longer in the future gets another bound (`late`).

import type { Method } from './bound/item.ts'

export const states = [
  'keying',
  'checking',
  'validating',
  'preparing',
  'capturing',
  'copying',
  'filling',
  'catching',
  'verifying',
  'closing',
  'swapping',
  'settling',
  'aborting',
  'done',
  'aborted',
] as const
export type State = (typeof states)[number]

export const events = ['completed', 'anew', 'behind', 'late', 'abort'] as const
export type Event = (typeof events)[number]

/** What live tables are converted by; empty ones are replaced by `apply`. */
export type LiveMethod = Exclude<Method, 'empty'>

/** `null`: cannot happen in this state; to ask for it is refused. */
type Transitions = Readonly<Record<State, Readonly<Record<Event, State | null>>>>

const never = { completed: null, anew: null, behind: null, late: null, abort: null } as const
const before = { ...never, abort: 'aborting' } as const

const ends = {
  settling: { ...never, completed: 'done' },
  aborting: { ...never, completed: 'aborted', abort: 'aborting' },
  done: never,
  aborted: never,
} as const

const notOfCopy = { keying: never, checking: never, validating: never } as const
const notOfRelabel = {
  capturing: never,
  copying: never,
  filling: never,
  catching: never,
  verifying: never,
  closing: never,
} as const

const transitions: Readonly<Record<LiveMethod, Transitions>> = {
  copy: {
    ...notOfCopy,
    preparing: { ...before, completed: 'capturing' },
    capturing: { ...before, completed: 'copying' },
    copying: { ...before, completed: 'filling', anew: 'copying' },
    filling: { ...before, completed: 'catching', anew: 'copying' },
    catching: { ...before, completed: 'verifying', anew: 'copying' },
    verifying: { ...before, completed: 'closing', anew: 'copying' },
    closing: { ...before, completed: 'swapping', anew: 'copying' },
    swapping: { ...before, completed: 'settling', anew: 'copying', behind: 'closing' },
    ...ends,
  },
  relabel: {
    ...notOfRelabel,
    keying: { ...before, completed: 'checking' },
    checking: { ...before, completed: 'validating' },
    validating: { ...before, completed: 'preparing' },
    preparing: { ...before, completed: 'swapping', late: 'checking' },
    swapping: { ...before, completed: 'settling', late: 'checking' },
    ...ends,
  },
}

export const firstState: Readonly<Record<LiveMethod, State>> = { copy: 'preparing', relabel: 'keying' }

/** Nothing more will happen. */
export function isFinal(state: State): boolean {
  return state === 'done' || state === 'aborted'
}

export function follow(method: LiveMethod, state: State, event: Event): State | null {
  return transitions[method][state][event]
}
