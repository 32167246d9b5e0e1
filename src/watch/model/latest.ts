// What was measured last, of every node: what rules, HTTP, Prometheus and `top` look at without asking a server anything.
// State: one reading a probe and node; a reading that is three intervals old is not handed out any more, for it says
// nothing of now.

import type { Clock } from '../../base/clock.ts'
import type { Metric } from './metric.ts'

/** A series now. Of a counter: `value` is what the server says, `perSecond` what was added since the reading before. */
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
  readonly #readings = new Map<string, LatestReading>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  note(reading: LatestReading): void {
    this.#readings.set(keyOf(reading.state.node, reading.state.probe), reading)
  }

  forget(node: string, probe: string): void {
    this.#readings.delete(keyOf(node, probe))
  }

  /** All that is known of now. */
  series(metric?: string): readonly Series[] {
    const nowMs = this.#clock.now()
    return [...this.#readings.values()].flatMap(({ state, series }) =>
      isOld(state, nowMs) ? [] : metric === undefined ? series : series.filter((one) => one.metric.name === metric),
    )
  }

  /** What became of each probe, the old ones too. */
  states(): readonly ProbeState[] {
    return [...this.#readings.values()].map(({ state }) => state)
  }

  detail(node: string, probe: string): unknown {
    return this.#readings.get(keyOf(node, probe))?.state.detail
  }
}

/** Readings are as old as their interval when the next is due; a late one is not at once untrue. */
const intervalsKept = 3

function isOld({ atMs, everyMs }: ProbeState, nowMs: number): boolean {
  return atMs === undefined || nowMs - atMs > intervalsKept * everyMs + 5_000
}

function keyOf(node: string, probe: string): string {
  return `${node} ${probe}`
}
