// What becomes of an alert with the next look at its series. Pure: rule, state, what was seen and when → the new state, and
// what happened.
//
// What it promises: an alert fires once from its beginning to its end; never before it has lasted for `forMs`; it ends only after
// `keepMs` of values beyond `clear`, and a value between threshold and `clear` neither ends nor begins one. That nothing is known
// is no sign of either: it ends nothing, and what lasted through more than `holeMs` of it has not been seen to last.

import type { Rule } from '../model/rule.ts'

export type Observation =
  | { readonly kind: 'value'; readonly value: number }
  /** Its probe was answered, and the series is not there any more: a dropped index, a query nobody asks. */
  | { readonly kind: 'gone' }
  /** Its probe was answered, and there was too little of it to tell: what was bad about it is not going on. */
  | { readonly kind: 'quiet' }
  /** Nobody could look. */
  | { readonly kind: 'unknown' }

/** Of an alert that is open. */
export interface Standing {
  readonly phase: 'pending' | 'firing'
  readonly beganMs: number
  readonly firedMs: number | undefined
  /** Since when it has been well without interruption. */
  readonly wellSinceMs: number | undefined
  /** When something was last known of it. */
  readonly seenMs: number
  readonly value: number
  /** The value furthest beyond the threshold. */
  readonly worst: number
}

export type Happening = 'nothing' | 'began' | 'dropped' | 'fired' | 'resolved' | 'forgotten'

export interface Outcome {
  /** undefined: there is no alert. */
  readonly state: Standing | undefined
  readonly happening: Happening
}

/**
 * Through a longer hole nothing has been seen to last. Shorter ones are no news: that an alert was seen is written once a minute, and
 * whoever takes over from a daemon that was killed looks half a minute later.
 */
export const holeMs: number = 2 * 60_000
/** After this long without a value an alert is said to be without data. */
export const noDataMs: number = 10 * 60_000
/** After this long it is given up: what it was about is not watched any more. */
export const forgetMs: number = 7 * 86_400_000

type Seen = 'bad' | 'between' | 'well' | 'unknown'
type Phase = 'none' | Standing['phase']

interface Facts {
  readonly rule: Rule
  readonly state: Standing
  readonly value: number
  readonly nowMs: number
  /** Nothing was known for so long before now that it counts as an interruption. */
  readonly isInterrupted: boolean
}

type Move = (facts: Facts) => Outcome

export function step(rule: Rule, state: Standing | undefined, observation: Observation, nowMs: number): Outcome {
  const seen = classify(rule, observation)
  const standing = state ?? { ...untouched, beganMs: nowMs, seenMs: nowMs }
  const value = observation.kind === 'value' && seen !== 'unknown' ? observation.value : standing.value
  const isInterrupted = nowMs - standing.seenMs > holeMs
  return moves[state?.phase ?? 'none'][seen]({ rule, state: standing, value, nowMs, isInterrupted })
}

export function classify(rule: Rule, observation: Observation): Seen {
  if (observation.kind === 'gone' || observation.kind === 'quiet') return 'well'
  if (observation.kind === 'unknown' || Number.isNaN(observation.value)) return 'unknown'
  const { value } = observation
  if (rule.over !== undefined) return value > rule.over ? 'bad' : value <= rule.clear ? 'well' : 'between'
  return value < (rule.under ?? Number.NEGATIVE_INFINITY) ? 'bad' : value >= rule.clear ? 'well' : 'between'
}

const untouched = {
  phase: 'pending',
  firedMs: undefined,
  wellSinceMs: undefined,
  value: Number.NaN,
  worst: Number.NaN,
} as const

const none: Move = () => ({ state: undefined, happening: 'nothing' })
const drop: Move = () => ({ state: undefined, happening: 'dropped' })

const begin: Move = ({ rule, value, nowMs }) => {
  const state: Standing = { ...untouched, beganMs: nowMs, seenMs: nowMs, value, worst: value }
  return rule.forMs > 0
    ? { state, happening: 'began' }
    : { state: { ...state, phase: 'firing', firedMs: nowMs }, happening: 'fired' }
}

const last: Move = (facts) => {
  const { rule, nowMs, isInterrupted } = facts
  const state = { ...noted(facts), beganMs: isInterrupted ? nowMs : facts.state.beganMs }
  return nowMs - state.beganMs >= rule.forMs
    ? { state: { ...state, phase: 'firing', firedMs: nowMs }, happening: 'fired' }
    : { state, happening: 'nothing' }
}

const stay: Move = (facts) => ({ state: { ...noted(facts), wellSinceMs: undefined }, happening: 'nothing' })

const recover: Move = (facts) => {
  const { rule, state, nowMs, isInterrupted } = facts
  const wellSinceMs = isInterrupted ? nowMs : (state.wellSinceMs ?? nowMs)
  return nowMs - wellSinceMs >= rule.keepMs
    ? { state: undefined, happening: 'resolved' }
    : { state: { ...noted(facts), wellSinceMs }, happening: 'nothing' }
}

const waitPending: Move = ({ state, isInterrupted }) =>
  isInterrupted ? { state: undefined, happening: 'dropped' } : { state, happening: 'nothing' }

const waitFiring: Move = ({ state, nowMs }) =>
  nowMs - state.seenMs > forgetMs ? { state: undefined, happening: 'forgotten' } : { state, happening: 'nothing' }

const moves: Readonly<Record<Phase, Readonly<Record<Seen, Move>>>> = {
  none: { bad: begin, between: none, well: none, unknown: none },
  pending: { bad: last, between: drop, well: drop, unknown: waitPending },
  firing: { bad: stay, between: stay, well: recover, unknown: waitFiring },
}

function noted({ rule, state, value, nowMs }: Facts): Standing {
  const isWorse = rule.over === undefined ? value < state.worst : value > state.worst
  return { ...state, seenMs: nowMs, value, worst: isWorse || Number.isNaN(state.worst) ? value : state.worst }
}
