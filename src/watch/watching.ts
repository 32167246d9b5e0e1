// Watching servers: who measures, what was measured last, and what is kept of it.
//
// What holds: of all processes that are started, the one that holds the lease measures; the others read what it stored. Nothing connects
// before start(), or before something is asked of the store. stop() resolves within a few seconds, with what was measured written.
// State: the samplers and the writer, while the lease is held; the newest readings.

import { randomUUID } from 'node:crypto'
import type { Clock } from '../base/clock.ts'
import type { Logger } from '../base/logger.ts'
import type { Random } from '../base/random.ts'
import type { Db } from '../db/db.ts'
import type { Lease } from '../db/lease.ts'
import { Latest, type ProbeState, type Series } from './model/latest.ts'
import type { Metric } from './model/metric.ts'
import type { NodeFacts, ServerProbe } from './model/server-probe.ts'
import { LeaseHolder } from './sampler/holder.ts'
import { startMeasuring, type Measuring } from './measuring.ts'
import type { SampledNode } from './sampler/node-sampler.ts'
import type { OtherNode } from './sampler/other-sampler.ts'
import {
  readLoad,
  readSeries,
  readStatements,
  readStoreBytes,
  type LoadQuery,
  type ReadTools,
  type SeriesQuery,
  type StatementQuery,
  type StoredLoad,
  type StoredSeries,
  type StoredStatement,
} from './store/read.ts'
import { readRecent } from './store/recent.ts'
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
  /** Of the primary: the lease and the store. */
  readonly db: Db
  readonly settings: WatchSettings
  readonly nodes: readonly SampledNode[]
  readonly probes: readonly ServerProbe[]
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
  /** The same, or what whoever measures has stored in the last three minutes. */
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

export interface WatchStore {
  series(query: SeriesQuery): Promise<readonly StoredSeries[]>
  statements(query: StatementQuery): Promise<readonly StoredStatement[]>
  load(query: LoadQuery): Promise<readonly StoredLoad[]>
  /** Texts of what applications call, by shape. */
  shapes(shapes: readonly string[]): Promise<ReadonlyMap<string, string>>
  bytes(): Promise<number>
  /** Rows that were given up since the start, because they could not be written. */
  readonly dropped: number
}

const defaultLeaseMs = 10_000

export function createWatching(options: WatchingOptions): Watching {
  const { db, settings, probes, others, clock, random, logger } = options
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
  const all = [...probes, ...others.flatMap((other) => other.probes)]
  const metrics = all.flatMap((probe) => probe.metrics)
  const tools = (): ReadTools => ({ on: db, nowMs: clock.now(), rawMs: settings.rawMs })
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
    series: async (metric) => {
      if (measuring !== undefined) return latest.series(metric)
      const stored = await readRecent(db, metrics)
      return metric === undefined ? stored : stored.filter((one) => one.metric.name === metric)
    },
    states: () => latest.states(),
    facts: (node) => measuring?.facts(node),
    store: {
      series: (query) => readSeries(query, tools()),
      statements: (query) => readStatements(query, tools()),
      load: (query) => readLoad(query, tools()),
      shapes: (shapes) => readShapeTexts(db, shapes),
      bytes: () => readStoreBytes(db),
      get dropped() {
        return measuring?.dropped() ?? 0
      },
    },
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
