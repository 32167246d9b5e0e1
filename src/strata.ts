// The composition root: a configuration in, everything wired out. Nothing connects before it is asked to. What is put together
// of one kind stands in strata/; how the kinds know of each other stands here.

import { QueryPlanAnalyzer } from './advise/index.ts'
import { systemClock, type Clock } from './base/clock.ts'
import type { Probe } from './base/probe.ts'
import { silentLogger, type Logger } from './base/logger.ts'
import { systemRandom, type Random } from './base/random.ts'
import { createRoutedCache, type RoutedCache } from './cache/index.ts'
import type { ResolvedConfig } from './config/index.ts'
import type { Db } from './db/db.ts'
import { readNodes, type ConfiguredNode, type NodeReport } from './db/node-facts.ts'
import { openDb } from './db/pg-db.ts'
import { StrataPool } from './db/pool/strata-pool.ts'
import { createQueryApi, type QueryApi } from './db/query/index.ts'
import type { Live } from './live/index.ts'
import { createMigrate, type Migrate } from './migrate/index.ts'
import type { DeclaredRollups, ReadersOf } from './rollups/index.ts'
import { advising, createReviewer, type Advising } from './strata/advising.ts'
import { createBackground, type Background } from './strata/background.ts'
import { backingUp, type BackingUp } from './strata/backing-up.ts'
import { createLiveEvents } from './strata/live-events.ts'
import { createMonitoring } from './strata/monitoring.ts'
import { looking, type Looking } from './strata/looking.ts'
import { configuredNodes } from './strata/nodes.ts'
import { assembleProbes } from './strata/probes.ts'
import { routing, type Routing } from './strata/routing.ts'
import { createStructures, structuralWork, type StructuralWork, type Structures } from './strata/structures.ts'
import type { DatabasePerformanceMonitor } from './watch/index.ts'

/** `Declared`: the type of `rollups` in the configuration. */
export interface Strata<Declared extends DeclaredRollups = DeclaredRollups>
  extends
    Omit<QueryApi, 'query'>,
    RoutedCache,
    Routing,
    Structures,
    StructuralWork,
    Background,
    BackingUp,
    Looking,
    Advising {
  readonly config: ResolvedConfig<Declared>
  /** The direct way to the primary, for structural work. */
  readonly db: Db
  /** All the servers, for the statements of an application: reads go to replicas. A pg.Pool, also to an ORM. */
  readonly pool: StrataPool
  readonly migrate: Migrate
  /** Aggregates that are kept current, each by its name, to be read: `strata.rollups.song_plays.since('30 days').rows()`. */
  readonly rollups: ReadersOf<Declared>
  /** Events for clients: `strata.live.start()`, then a route with `liveHandler` or `fastifyLive` of pgstrata/http. */
  readonly live: Live
  /** What this process sees of the database: it observes the pool from the first use of it on, or, with `watch`, from the start. */
  readonly monitor: DatabasePerformanceMonitor
  /** How a statement is carried out, and which index would serve it. On the primary; nothing it does remains. */
  readonly analyzer: QueryPlanAnalyzer
  /** The servers of the configuration, the primary first, each with a connection of its own to ask it. */
  readonly nodes: readonly ConfiguredNode[]
  /** What each of them is now, and how far behind. A server that does not answer is part of the answer. */
  readNodes(): Promise<readonly NodeReport[]>
  /** What `doctor` asks. */
  readonly probes: readonly Probe[]
  /** stop(); then waits for pool clients in use, as long as `pool.drainTimeout` says. Idempotent. */
  close(): Promise<void>
}

export interface StrataTools {
  readonly clock?: Clock
  readonly random?: Random
  readonly logger?: Logger
}

export function openStrata<Declared extends DeclaredRollups = DeclaredRollups>(
  config: ResolvedConfig<Declared>,
  given: StrataTools = {},
): Strata<Declared> {
  const { clock = systemClock, random = systemRandom, logger = silentLogger } = given
  const tools = { clock, random, logger }
  const { direct: url, connectTimeoutMs } = config.database
  const db = openDb({ url, connectTimeoutMs })
  const nodes = configuredNodes(config, db)
  const pool = new StrataPool(config.pool, tools)
  const api = createQueryApi(pool, tools)
  const caching = createRoutedCache({ ...config.cache, settings: config.pool.settings ?? {}, pool, api, clock, random })
  const migrate = createMigrate({ ...tools, db, options: config.migrate, from: config.root })
  const structures = createStructures(config, { db, ...tools })
  const live = createLiveEvents(config, { db, rollup: structures.rollup, ...tools })
  const analyzer = new QueryPlanAnalyzer(pool)
  const review = createReviewer({ nodes, views: structures.views, analyzer, clock })
  const backups = backingUp(config, { db, clock })
  const background = createBackground(config, { db, structures, ...backups, review, ...tools })
  const { changes, jobs } = background
  const stores = config.watch !== undefined
  const around = (): Db =>
    openDb({ url: config.pool.connectionString, connectTimeoutMs, max: 1, applicationName: 'pgstrata calls' })
  const monitoring = createMonitoring({ pool, direct: db, cache: caching.cache, nodes, stores, around, ...tools })
  if (config.changes !== undefined) changes.subscribe(caching.cache.listener)
  if (config.live !== undefined) changes.subscribe(live.listener)
  let closing: Promise<unknown> | undefined
  const closeAll = async (): Promise<void> => {
    await live.stop()
    await background.stop()
    await Promise.all([jobs.close(), changes.close(), background.watch?.close()])
    await caching.cache.close()
    await monitoring.close()
    await Promise.all([pool.end(), ...[db, ...nodes.map((node) => node.db)].map((opened) => opened.close())])
  }
  return {
    config,
    db,
    pool,
    ...routing(pool),
    ...api,
    ...caching,
    migrate,
    ...structures,
    ...structuralWork(config, { db, ...structures }, tools),
    rollups: structures.rollup.readers<Declared>(async (statement) => await api.query(statement)),
    live,
    get monitor() {
      return monitoring.monitor
    },
    ...background,
    ...backups,
    ...looking(config, tools),
    analyzer,
    ...advising({ nodes, views: structures.views, analyzer, clock }),
    nodes,
    readNodes: () => readNodes(nodes, clock),
    probes: assembleProbes(config, { db, nodes, migrate, tiering: structures, backups, ...tools }),
    close: async () => {
      closing ??= closeAll()
      await closing
    },
  }
}
