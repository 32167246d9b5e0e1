// Watching servers: who measures, what was measured last, and what is kept of it.
//
// What holds: of all processes that are started, the one that holds the lease measures; the others read what it stored. Nothing connects
// before start(), or before something is asked of the store. stop() resolves within a few seconds, with what was measured written.
// State: the samplers and the writer, while the lease is held; the newest readings.

import { randomUUID } from 'node:crypto'
import type { Clock } from '../base/clock.ts'
import type { Logger } from '../base/logger.ts'
import type { Random } from '../base/random.ts'
import type { Db, Queryable } from '../db/db.ts'
import type { Lease } from '../db/lease.ts'
import { Latest, type ProbeState, type Series } from './model/latest.ts'
import type { Metric } from './model/metric.ts'
import type { NodeFacts, ServerProbe } from './model/server-probe.ts'
import { LeaseHolder } from './sampler/holder.ts'
import { everyMsOf, startMeasuring, type Measuring } from './measuring.ts'
import type { SampledNode } from './sampler/node-sampler.ts'
import type { OtherNode } from './sampler/other-sampler.ts'
import {
  readLoad,
  readSeries,
  readStatements,
  readStoreBytes,
  stepMsOf,
  type LoadQuery,
  type ReadTools,
  type SeriesQuery,
  type StatementQuery,
  type StoredLoad,
  type StoredSeries,
  type StoredStatement,
} from './store/read.ts'
import { readCalls, type CallsQuery, type StoredCalls } from './store/calls.ts'
import { readNow } from './store/now.ts'
import { readShapeTexts } from './store/shapes.ts'

export interface WatchSettings {
  /** By name of a probe; undefined stands for its own interval, `off` for not at all. */
  readonly every: Readonly<Record<string, number | 'off'>>
  /** How long rows are kept as they are written, and what they come to by hour: spans as Postgres takes them. */
  readonly raw: string
  readonly hours: string
  readonly rawMs: number
  readonly hoursMs: number
  /** URL of its console. */
  readonly pgbouncer: string | undefined
  /** Processors of servers on other machines. */
  readonly cores: number | undefined
}

export interface WatchingOptions {
  /** Of the primary: the lease, and what is written. */
  readonly db: Db
  /** What is read of the store, by whoever asks as often as they like: it must not hold up the lease. Default: the same. */
  readonly reads?: Queryable | undefined
  readonly settings: WatchSettings
  readonly nodes: readonly SampledNode[]
  /** Made anew whenever this process begins to measure: what they remember of before is another one's to tell of. */
  readonly probes: () => readonly ServerProbe[]
  readonly others: readonly OtherNode[]
  /** Of who keeps the lease: default 10 s. */
  readonly leaseMs?: number | undefined
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
}

export interface Watching {
  readonly settings: WatchSettings
  /** What all probes measure. */
  readonly metrics: readonly Metric[]
  readonly probes: readonly ServerProbe[]
  /** 'off': not started, 'waiting': another process measures, 'measuring': this one does. */
  readonly role: 'off' | 'waiting' | 'measuring'
  /** While it is held: what is done under it is done by one process. */
  readonly lease: Lease | undefined
  /** What was measured last; empty in a process that does not measure. */
  readonly latest: Latest
  /** The same; in a process that does not measure, what the one who does has stored of it, within the last ten seconds. */
  now(): Promise<Now>
  /** Of that the series. */
  series(metric?: string): Promise<readonly Series[]>
  /** What became of each probe; empty in a process that does not measure. */
  states(): readonly ProbeState[]
  facts(node: string): NodeFacts | undefined
  readonly store: WatchStore
  start(): void
  /** Asks every probe now, out of turn. */
  hurry(): void
  stop(): Promise<void>
}

export type Now = Pick<Latest, 'series' | 'measured' | 'states' | 'detail'>

export interface WatchStore {
  series(query: SeriesQuery): Promise<readonly StoredSeries[]>
  /** What one point of that answer stands for: it is no finer than what was stored. */
  stepMs(query: SeriesQuery): number
  statements(query: StatementQuery): Promise<readonly StoredStatement[]>
  load(query: LoadQuery): Promise<readonly StoredLoad[]>
  /** What all applications saw of their calls. */
  calls(query: CallsQuery): Promise<StoredCalls>
  /** Texts of what applications call, by shape. */
  shapes(shapes: readonly string[]): Promise<ReadonlyMap<string, string>>
  bytes(): Promise<number>
  /** Rows that were given up since the start, because they could not be written. */
  readonly dropped: number
}

const defaultLeaseMs = 10_000

export function createWatching(options: WatchingOptions): Watching {
  const { db, reads = db, settings, probes, others, clock, random, logger } = options
  const latest = new Latest(clock)
  let measuring: Measuring | undefined
  let holder: LeaseHolder | undefined
  const begin = (): LeaseHolder =>
    new LeaseHolder({
      on: db,
      name: 'watch',
      holder: randomUUID(),
      durationMs: options.leaseMs ?? defaultLeaseMs,
      onHeld: () => {
        measuring = startMeasuring(options, { latest, lease: () => holder?.lease })
      },
      onLost: end,
      clock,
      random,
      logger,
    })
  const end = async (): Promise<void> => {
    const ended = measuring
    measuring = undefined
    await ended?.stop()
  }
  const all = [...probes(), ...others.flatMap((other) => other.probes())]
  const metrics = all.flatMap((probe) => probe.metrics)
  const intervals = new Map(
    all.flatMap((probe) => probe.metrics.map(({ name }) => [name, everyMsOf(probe, settings)] as const)),
  )
  const everyMs = (metric: string): number | undefined => intervals.get(metric)
  const tools = (): ReadTools => ({ on: reads, nowMs: clock.now(), rawMs: settings.rawMs, everyMs })
  const now = async (): Promise<Now> => (measuring === undefined ? await readNow(reads, { metrics, clock }) : latest)
  return {
    settings,
    metrics,
    probes: all,
    get role() {
      return holder === undefined ? 'off' : measuring === undefined ? 'waiting' : 'measuring'
    },
    get lease() {
      return holder?.lease
    },
    latest,
    now,
    series: async (metric) => (await now()).series(metric),
    states: () => latest.states(),
    facts: (node) => measuring?.facts(node),
    store: storeOf(tools, () => measuring?.dropped() ?? 0),
    start: () => {
      holder ??= begin()
      holder.start()
    },
    hurry: () => measuring?.hurry(),
    stop: async () => {
      const stopped = holder
      // What is left is written under the lease, so that is given back last.
      await end()
      await stopped?.stop()
      await end()
      holder = undefined
    },
  }
}

function storeOf(tools: () => ReadTools, dropped: () => number): WatchStore {
  return {
    series: (query) => readSeries(query, tools()),
    stepMs: (query) => stepMsOf(query, tools()),
    statements: (query) => readStatements(query, tools()),
    load: (query) => readLoad(query, tools()),
    calls: (query) => readCalls(query, tools().on),
    shapes: (shapes) => readShapeTexts(tools().on, shapes),
    bytes: () => readStoreBytes(tools().on),
    get dropped() {
      return dropped()
    },
  }
}
