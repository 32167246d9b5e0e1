// What was measured last, of every node: what rules, HTTP, Prometheus and `top` look at without asking a server anything.
// State: one reading a probe and node; a reading that is three intervals old is not handed out any more, for it says
// nothing of now.

import type { Clock } from '../../base/clock.ts'
import type { Metric } from './metric.ts'

/**
 * A series now. Of a counter: `value` is what the server says, `perSecond` what was added since the reading before. A share of nothing, or
 * of too little to tell, is NaN.
 */
export interface Series {
  readonly node: string
  readonly metric: Metric
  readonly labels: readonly string[]
  readonly value: number
  /** Of counters alone, from the second reading on. */
  readonly perSecond: number | undefined
  readonly atMs: number
}

export interface ProbeState {
  readonly node: string
  readonly probe: string
  /** When it was answered last, by the wall clock; undefined: never yet. */
  readonly atMs: number | undefined
  readonly everyMs: number
  readonly tookMs: number | undefined
  readonly unavailable: string | undefined
  /** Why it failed the last time, if it did. */
  readonly failure: string | undefined
  readonly detail: unknown
}

export interface LatestReading {
  readonly state: ProbeState
  readonly series: readonly Series[]
}

export class Latest {
  readonly #clock: Clock
  readonly #graceMs: number
  readonly #readings = new Map<string, LatestReading>()

  /** `graceMs`: how late a reading may come to be noted. */
  constructor(clock: Clock, graceMs: number = usualGraceMs) {
    this.#clock = clock
    this.#graceMs = graceMs
  }

  note(reading: LatestReading): void {
    this.#readings.set(keyOf(reading.state.node, reading.state.probe), reading)
  }

  forget(node: string, probe: string): void {
    this.#readings.delete(keyOf(node, probe))
  }

  /** All that is known of now. */
  series(metric?: string): readonly Series[] {
    return this.measured().filter(
      (one) => !Number.isNaN(one.value) && (metric === undefined || one.metric.name === metric),
    )
  }

  /** With those that there was too little of to tell: their value is NaN. */
  measured(): readonly Series[] {
    const nowMs = this.#clock.now()
    return [...this.#readings.values()].flatMap(({ state, series }) => (this.#isOld(state, nowMs) ? [] : series))
  }

  /** What became of each probe, the old ones too. */
  states(): readonly ProbeState[] {
    return [...this.#readings.values()].map(({ state }) => state)
  }

  /** Of now, as series() is. */
  detail(node: string, probe: string): unknown {
    const state = this.#readings.get(keyOf(node, probe))?.state
    return state === undefined || this.#isOld(state, this.#clock.now()) ? undefined : state.detail
  }

  #isOld({ atMs, everyMs }: ProbeState, nowMs: number): boolean {
    return atMs === undefined || nowMs - atMs > intervalsKept * everyMs + this.#graceMs
  }
}

/** Readings are as old as their interval when the next is due; a late one is not at once untrue. */
const intervalsKept = 3
const usualGraceMs = 5_000

function keyOf(node: string, probe: string): string {
  return `${node} ${probe}`
}
