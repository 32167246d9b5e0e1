// What a rule would have done in the past: the same steps, over what was measured then. Pure.
//
// A reading counts until the next one, or for three of its intervals, as it does when rules look at what is new; between two readings
// time passes, so that what has to last for a minute fires a minute after it began, and not with the next reading.

import type { Rule } from '../model/rule.ts'
import { holeMs, step, type Standing } from './step.ts'

export interface PastReading {
  readonly node: string
  /** The labels, as the store has them. */
  readonly series: string
  readonly atMs: number
  /** Of a counter: per second. */
  readonly value: number
}

export interface Episode {
  readonly node: string
  readonly series: string
  readonly beganMs: number
  readonly firedMs: number
  /** undefined: it had not ended by then. */
  readonly resolvedMs: number | undefined
  readonly worst: number
}

const shortestHoldMs = 30_000
const extraHoldMs = 5_000

/** Readings in the order of time; of any number of series. */
export function replay(rule: Rule, readings: readonly PastReading[], untilMs: number): readonly Episode[] {
  const bySeries = new Map<string, PastReading[]>()
  for (const reading of readings) {
    const key = JSON.stringify([reading.node, reading.series])
    const others = bySeries.get(key)
    if (others === undefined) bySeries.set(key, [reading])
    else others.push(reading)
  }
  return [...bySeries.values()]
    .flatMap((series) => replaySeries(rule, series, untilMs))
    .toSorted((a, b) => a.firedMs - b.firedMs)
}

function replaySeries(rule: Rule, readings: readonly PastReading[], untilMs: number): readonly Episode[] {
  // Nothing is written of a counter that does not move.
  const isCounter = rule.metric.endsWith('_total')
  const holdMs = isCounter
    ? Number.POSITIVE_INFINITY
    : 3 * Math.max(shortestHoldMs / 3, medianGapMs(readings)) + extraHoldMs
  const episodes: Episode[] = []
  let state: Standing | undefined
  const move = ({ node, series, value }: PastReading, nowMs: number): void => {
    const before = state
    const outcome = step(rule, before, { kind: 'value', value }, nowMs)
    state = outcome.state
    if (outcome.happening !== 'resolved' || before?.firedMs === undefined) return
    const { beganMs, firedMs, worst } = before
    episodes.push({ node, series, beganMs, firedMs, resolvedMs: nowMs, worst })
  }
  readings.forEach((reading, index) => {
    move(reading, reading.atMs)
    const endMs = Math.min(readings[index + 1]?.atMs ?? untilMs, reading.atMs + holdMs, untilMs)
    let atMs = reading.atMs
    for (;;) {
      const dueMs = nextDue(rule, state, atMs)
      if (dueMs === undefined || dueMs >= endMs) break
      atMs = Math.max(dueMs, atMs)
      move(reading, atMs)
    }
  })
  const [first] = readings
  if (state?.firedMs === undefined || first === undefined) return episodes
  const { beganMs, firedMs, worst } = state
  return [...episodes, { node: first.node, series: first.series, beganMs, firedMs, resolvedMs: undefined, worst }]
}

/** When the same value again would make a difference; and often enough that it is seen to last. */
function nextDue({ forMs, keepMs }: Rule, state: Standing | undefined, atMs: number): number | undefined {
  if (state === undefined) return undefined
  const seenMs = atMs + holeMs
  if (state.phase === 'pending') return Math.min(state.beganMs + forMs, seenMs)
  return state.wellSinceMs === undefined ? seenMs : Math.min(state.wellSinceMs + keepMs, seenMs)
}

function medianGapMs(readings: readonly PastReading[]): number {
  const gaps = readings
    .slice(1)
    .map(({ atMs }, index) => atMs - (readings[index]?.atMs ?? atMs))
    .toSorted((a, b) => a - b)
  return gaps[Math.floor((gaps.length - 1) / 2)] ?? 0
}
