// When each probe of a node is asked next, and what became of it.
//
// What holds: one is asked after the other, so nothing piles up; one that fails, or takes longer than it may, is asked half as
// often, down to a sixteenth, and twice as often again each time it is answered. What is late is asked once, not once for each time missed.
// State: of each probe when it is due, how much slower it is asked than it says, and its last reading.

import type { Clock } from '../../base/clock.ts'
import type { Random } from '../../base/random.ts'
import type { Metric, Point } from '../model/metric.ts'
import { seriesOf } from '../model/metric.ts'
import type { Series } from '../model/latest.ts'
import type { Reading, ServerProbe } from '../model/server-probe.ts'
import type { Taken } from './taken.ts'

const slowest = 16
/** First questions of a node are spread over that long, or over the interval of the probe. */
const spreadMs = 2_000

export interface Errand {
  readonly probe: ServerProbe
  readonly everyMs: number
  dueMs: number
  slowdown: number
  unavailable: string | undefined
  failure: string | undefined
  answer: Answer | undefined
}

interface Answer {
  readonly atMs: number
  readonly monotonicMs: number
  readonly tookMs: number
  /** Until the next one, as it was when this one came. That the next ones fail does not make it good for longer. */
  readonly everyMs: number
  readonly reading: Reading
  readonly series: readonly Series[]
}

export interface Agenda {
  readonly errands: readonly Errand[]
  /** The one that has been due longest, or is due next; undefined: there is none. */
  next(): Errand | undefined
  /** Due at once, all of them. */
  hurry(): void
  answered(errand: Errand, reading: Reading, tookMs: number): Taken
  failed(errand: Errand, failure: string): Taken
  /** It could not even be asked: when it is asked next is not its fault. */
  missed(errand: Errand, why: string): Taken
  unavailable(errand: Errand, why: string): Taken
}

export interface AgendaOptions {
  readonly node: string
  readonly probes: readonly ServerProbe[]
  /** Undefined: not asked at all. */
  readonly everyMs: (probe: ServerProbe) => number | undefined
  readonly clock: Clock
  readonly random: Random
}

export function createAgenda({ node, probes, everyMs, clock, random }: AgendaOptions): Agenda {
  const startMs = clock.monotonic()
  const errands = probes.flatMap((probe): readonly Errand[] => {
    const interval = everyMs(probe)
    if (interval === undefined) return []
    const dueMs = startMs + random() * Math.min(spreadMs, interval)
    const nothing = { slowdown: 1, unavailable: undefined, failure: undefined, answer: undefined }
    return [{ probe, everyMs: interval, dueMs, ...nothing }]
  })
  const settle = (errand: Errand, slowdown: number): void => {
    errand.slowdown = slowdown
    const everyNowMs = errand.everyMs * slowdown
    errand.dueMs = Math.max(errand.dueMs + everyNowMs, clock.monotonic() + everyNowMs / 2)
  }
  const told = (errand: Errand, answer?: Pick<Taken, 'reading' | 'elapsedSeconds'>): Taken => ({
    state: {
      node,
      probe: errand.probe.name,
      atMs: errand.answer?.atMs,
      everyMs: errand.answer?.everyMs ?? errand.everyMs * errand.slowdown,
      tookMs: errand.answer?.tookMs,
      unavailable: errand.unavailable,
      failure: errand.failure,
      detail: errand.answer?.reading.detail,
    },
    series: errand.unavailable === undefined ? (errand.answer?.series ?? []) : [],
    reading: answer?.reading,
    elapsedSeconds: answer?.elapsedSeconds,
  })
  return {
    errands,
    next: () =>
      errands.reduce<Errand | undefined>(
        (first, one) => (first === undefined || one.dueMs < first.dueMs ? one : first),
        undefined,
      ),
    hurry: () => {
      for (const errand of errands) errand.dueMs = Math.min(errand.dueMs, clock.monotonic())
    },
    answered: (errand, reading, tookMs) => {
      const at = { atMs: clock.now(), monotonicMs: clock.monotonic() }
      const before = errand.answer
      const series = seriesFrom(errand, reading, { node, ...at })
      errand.unavailable = undefined
      errand.failure = undefined
      settle(errand, Math.max(1, errand.slowdown / 2))
      errand.answer = { ...at, tookMs, everyMs: errand.everyMs * errand.slowdown, reading, series }
      const elapsedSeconds = before === undefined ? undefined : (at.monotonicMs - before.monotonicMs) / 1_000
      return told(errand, { reading, elapsedSeconds })
    },
    failed: (errand, failure) => {
      errand.failure = failure
      settle(errand, Math.min(slowest, errand.slowdown * 2))
      return told(errand)
    },
    missed: (errand, why) => {
      errand.failure = why
      return told(errand)
    },
    unavailable: (errand, why) => {
      errand.unavailable = why
      errand.failure = undefined
      settle(errand, 1)
      return told(errand)
    },
  }
}

interface Moment {
  readonly node: string
  readonly atMs: number
  readonly monotonicMs: number
}

/** Counters against those of the reading before, if they are of one count. What the probe does not declare is left out, and what is too many. */
function seriesFrom(
  errand: Errand,
  { points, epoch }: Reading,
  { node, atMs, monotonicMs }: Moment,
): readonly Series[] {
  const { probe, answer } = errand
  const metrics = new Map(probe.metrics.map((metric) => [metric.name, metric]))
  const isOneCount = answer !== undefined && answer.reading.epoch === epoch
  const before = new Map(isOneCount ? answer.reading.points.map((point) => [keyOf(point), point.value] as const) : [])
  const elapsedSeconds = answer === undefined ? 0 : (monotonicMs - answer.monotonicMs) / 1_000
  const places = new Map<Metric, number>()
  return points.flatMap((point): readonly Series[] => {
    const metric = metrics.get(point.metric)
    if (metric === undefined || !isTold(metric, point)) return []
    const place = places.get(metric) ?? 0
    places.set(metric, place + 1)
    if (place >= metric.most) return []
    const { labels, value } = point
    const last = metric.kind === 'counter' ? before.get(keyOf(point)) : undefined
    const perSecond =
      last === undefined || value < last || elapsedSeconds <= 0 ? undefined : (value - last) / elapsedSeconds
    return [{ node, metric, labels, value, perSecond, atMs }]
  })
}

/** NaN says that there was too little of it to tell: the series is there, without a value. */
function isTold({ kind }: Metric, { value }: Point): boolean {
  return Number.isFinite(value) || (kind === 'gauge' && Number.isNaN(value))
}

function keyOf({ metric, labels }: Point): string {
  return `${metric} ${seriesOf(labels)}`
}
