// DatabasePerformanceMonitor: what an application sees of its database, through any pg.Pool. It observes the pool from its
// making on, asks the server only when it is asked itself or somebody listens, and tells by events:
//   slowQuery     a statement, or named work, took longer than `slowQueryMs`       SlowQueryEvent
//   slowQueriesDropped  there were too many at once to tell of each                 { count, total }
//   poolStats     every five seconds                                                PoolStats
//   poolWarning   the pool is full beyond `connectionPoolWarning`, or somebody waits
//   staleView     what a materialized view holds is too old                         ViewFreshness
//   cacheWarning  too few blocks were found in shared buffers since the last look
//   replicaLag    a replica is too far behind, or does not answer
//   checkFailed   one of these could not be looked at: { check, error }
//
// What must be true: each statement of the application counts once; the monitor's own do not. A listener that throws is the
// application's: it is told by the process, and no statement hears of it. close() leaves the pool as it was.
// Bounds: ten minutes of statistics, 500 texts and shapes, 100 slow queries.

import { EventEmitter } from 'node:events'
import { systemClock, type Clock } from '../../base/clock.ts'
import type { Db } from '../../db/db.ts'
import { observePool } from '../../db/observe-pool.ts'
import { CallRecorder } from '../calls/recorder.ts'
import { workName, type CallShape } from '../calls/shapes.ts'
import { asker, type Ask, type AnyPool } from '../../db/own-questions.ts'
import {
  readCacheHitRatio,
  readDatabaseInfo,
  readLongRunning,
  type CacheHitRatio,
  type DatabaseInfo,
  type LongRunningQueries,
} from './database.ts'
import { readFreshness, type ViewFreshness } from './freshness.ts'
import { readIndexUsage, readUnusedIndexes, type AskedReplica, type IndexUsage, type UnusedIndex } from './indexes.ts'
import type { MonitorEvents, Tell } from './events.ts'
import { formatMeasured } from './metrics-text.ts'
import { readPool } from './pool-state.ts'
import { Rounds } from './rounds.ts'
import { ServerView } from './server-view.ts'
import { SlowQueries, type SlowQuery } from './slow.ts'
import { statsOf, type QueryStats } from './stats.ts'
import { checkThresholds, defaultThresholds, type MonitorThresholds } from './thresholds.ts'
import { tendTable, type TableName, type UpkeepReport } from './upkeep.ts'
import { Work, Works } from './works.ts'

export interface MonitorOptions {
  readonly thresholds?: Partial<MonitorThresholds>
  /** Each is asked for itself whether an index is used there. */
  readonly replicas?: readonly AskedReplica[]
  /** A way to the primary past any pooler, which vacuumTable() and analyzeTable() take. Default: the pool. */
  readonly direct?: Db | AnyPool
  readonly clock?: Clock
}

const minuteMs = 60_000
const longRunningMs = 5_000
/** How old the cache's ratio in getPrometheusMetrics() may be before it is asked for anew. */
const ratioKeptMs = 30_000

export class DatabasePerformanceMonitor extends EventEmitter<MonitorEvents> {
  readonly #pool: AnyPool
  readonly #ask: Ask
  readonly #clock: Clock
  readonly #replicas: readonly AskedReplica[]
  readonly #direct: Db | AnyPool | undefined
  readonly #thresholds: MonitorThresholds
  readonly #recorder: CallRecorder
  readonly #works = new Works()
  readonly #slow: SlowQueries
  readonly #rounds: Rounds
  readonly #stopObserving: () => void
  #cache: { readonly ratio: number | null; readonly atMs: number } | undefined
  #asksCache = false
  #closing: Promise<void> | undefined

  constructor(pool: AnyPool, { thresholds = {}, replicas = [], direct, clock = systemClock }: MonitorOptions = {}) {
    super()
    this.#pool = pool
    this.#ask = asker(pool)
    this.#clock = clock
    this.#replicas = replicas
    this.#direct = direct
    this.#thresholds = { ...defaultThresholds, ...checkThresholds(thresholds) }
    const tell = this.#tell
    const listens = (event: keyof MonitorEvents): boolean => this.listenerCount(event) > 0
    this.#slow = new SlowQueries({
      clock,
      ask: this.#ask,
      server: new ServerView(pool, this.#ask),
      isHeard: () => this.#closing === undefined && listens('slowQuery'),
      tell: (event) => tell('slowQuery', event),
      tellDropped: (dropped) => tell('slowQueriesDropped', dropped),
      identified: (shape, queryid) => this.#recorder.shapes.identify(shape, queryid),
    })
    this.#recorder = new CallRecorder({
      clock,
      slowMs: this.#thresholds.slowQueryMs,
      onSlow: (call) => this.#slow.note(call),
    })
    this.#rounds = new Rounds({
      pool,
      ask: this.#ask,
      clock,
      thresholds: this.#thresholds,
      listens,
      tell,
      settle: () => this.#recorder.settle(),
    })
    const works = this.#works
    const observer = {
      get needsContext() {
        return works.running > 0
      },
      begin: () => works.current(),
      end: (text: string, sinceMs: number, nowMs: number, error: Error | null, begun: unknown) =>
        this.#recorder.record(text, sinceMs, nowMs, error, begun),
    }
    this.#stopObserving = observePool(pool, observer, clock)
  }

  /** What was recorded: for who stores it. */
  get recorder(): CallRecorder {
    return this.#recorder
  }

  get thresholds(): Readonly<MonitorThresholds> {
    return { ...this.#thresholds }
  }

  /** Those that are given; the others stay. Throws VALUE_INVALID, and then none is changed. */
  setThresholds(given: Partial<MonitorThresholds>): void {
    Object.assign(this.#thresholds, checkThresholds(given))
    this.#recorder.slowMs = this.#thresholds.slowQueryMs
  }

  /** Runs `work`, which has that name in events and statistics. Its statements are counted besides, each by itself. */
  async trackQuery<T>(work: () => Promise<T> | T, name: string): Promise<T> {
    const named = new Work(workName(name))
    const sinceMs = this.#clock.monotonic()
    let failure: Error | null = null
    try {
      return await this.#works.run(named, work)
    } catch (error) {
      failure = error instanceof Error ? error : new Error('The work failed', { cause: error })
      throw error
    } finally {
      const durationMs = this.#clock.monotonic() - sinceMs
      this.#recorder.recordWork(name, durationMs, failure !== null)
      const isSlow = durationMs >= this.#thresholds.slowQueryMs
      if (isSlow && !named.hasSlowStatement) this.#slow.noteWork(named, durationMs, failure)
    }
  }

  /** Of all statements, or of the work of that name; at most the last ten minutes. */
  getStats(windowMs: number = minuteMs, name?: string): QueryStats {
    return statsOf(name === undefined ? this.#recorder.windows : this.#recorder.work(name), windowMs)
  }

  /** The slowest of the last 100 that were slow. */
  getSlowQueries(count = 10): readonly SlowQuery[] {
    return this.#slow.list(count)
  }

  /** Statements by shape and work by name, since the monitor was made; those that took most first. */
  async getShapes(): Promise<readonly CallShape[]> {
    await this.#recorder.settle()
    return this.#recorder.shapes.list()
  }

  checkViewFreshness(): Promise<readonly ViewFreshness[]> {
    return readFreshness(this.#ask, this.#thresholds.materialized_view_staleness_hours)
  }

  getDatabaseInfo(): Promise<DatabaseInfo> {
    return readDatabaseInfo(this.#ask)
  }

  async getCacheHitRatio(): Promise<CacheHitRatio> {
    const found = await readCacheHitRatio(this.#ask)
    this.#cache = { ratio: found.cacheHitRatio, atMs: this.#clock.monotonic() }
    return found
  }

  getIndexUsage(): Promise<readonly IndexUsage[]> {
    return readIndexUsage(this.#ask)
  }

  getUnusedIndexes(): Promise<readonly UnusedIndex[]> {
    return readUnusedIndexes(this.#ask, this.#replicas)
  }

  /** The answer has `unavailable` where the role may not see the sessions of others: it is then of its own alone. */
  getLongRunningQueries(minMs: number = longRunningMs): Promise<LongRunningQueries> {
    return readLongRunning(this.#ask, minMs)
  }

  analyzeTable(table: TableName): Promise<UpkeepReport> {
    return this.#tend('analyze', table)
  }

  /** VACUUM (ANALYZE): dead rows make room for new ones; the file does not shrink. */
  vacuumTable(table: TableName): Promise<UpkeepReport> {
    return this.#tend('vacuum', table)
  }

  #tend(how: 'analyze' | 'vacuum', table: TableName): Promise<UpkeepReport> {
    const monotonic = (): number => this.#clock.monotonic()
    return tendTable({ pool: this.#pool, direct: this.#direct, ask: this.#ask, monotonic }, how, table)
  }

  /** For a route of the application's own. The cache's ratio is that of the scrape before: this asks nobody. */
  getPrometheusMetrics(): string {
    this.#keepRatio()
    return formatMeasured({
      recorder: this.#recorder,
      pool: readPool(this.#pool),
      cacheHitRatio: this.#cache?.ratio,
      slowQueries: this.#slow.count,
      slowQueriesDropped: this.#slow.dropped,
      windowMs: minuteMs,
    })
  }

  #keepRatio(): void {
    const isFresh = this.#cache !== undefined && this.#clock.monotonic() - this.#cache.atMs < ratioKeptMs
    if (isFresh || this.#asksCache || this.#closing !== undefined) return
    this.#asksCache = true
    void this.getCacheHitRatio()
      // Then the scrape has none; the next one asks again.
      .catch(() => (this.#cache = undefined))
      .finally(() => (this.#asksCache = false))
  }

  /** Looks at views, the cache and replicas now, as it does once a minute. What nobody listens for is not looked at. */
  check(): Promise<void> {
    this.#rounds.lookAtPool(false)
    return this.#rounds.check()
  }

  #tell: Tell = (event, particulars) => {
    if (this.#closing !== undefined) return
    try {
      ;(this as EventEmitter).emit(event, particulars)
    } catch (error) {
      queueMicrotask(() => {
        throw error
      })
    }
  }

  /** Observes no more; what was recorded can still be read. Idempotent. */
  close(): Promise<void> {
    this.#stopObserving()
    this.#closing ??= Promise.all([this.#rounds.close(), this.#slow.settled()]).then(() => undefined)
    return this.#closing
  }
}
