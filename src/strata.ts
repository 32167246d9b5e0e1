// The composition root: a configuration in, everything wired out. Nothing connects before it is asked to.

import { systemClock, type Clock } from './base/clock.ts'
import type { Probe } from './base/probe.ts'
import { silentLogger, type Logger } from './base/logger.ts'
import { systemRandom, type Random } from './base/random.ts'
import { contributeCatalog } from './catalog/desired.ts'
import { readInstalledVersion } from './catalog/install.ts'
import { catalogProbes } from './catalog/probes.ts'
import type { ResolvedConfig } from './config/index.ts'
import type { Db, Session } from './db/db.ts'
import { readNodes, type ConfiguredNode, type NodeReport } from './db/node-facts.ts'
import { nodeProbes } from './db/node-probes.ts'
import { openDb } from './db/pg-db.ts'
import type { RoutedConfig } from './db/pool/statement/call.ts'
import type { RoutingExplanation } from './db/pool/routing/dispatcher.ts'
import type { Session as CausalSession } from './db/pool/routing/scopes.ts'
import { StrataPool } from './db/pool/strata-pool.ts'
import { createQueryApi, type QueryApi } from './db/query/index.ts'
import { serverProbes, settingProbes } from './db/probes.ts'
import type { Token } from './db/token.ts'
import { assembleJobs, createJobs, nextTickMs, type Jobs, type StartOptions } from './maintain/index.ts'
import { createMigrate, type Migrate } from './migrate/index.ts'
import { migrateProbes } from './migrate/probes.ts'
import { createConversion, type Conversion } from './partitions/convert/index.ts'
import { createPartitions, type Partitions } from './partitions/index.ts'
import { createRollups, type DeclaredRollups, type ReadersOf, type Rollups } from './rollups/index.ts'
import { createViews, type Views } from './views/index.ts'
import { applyPlan, readPlan, type ApplyOptions, type ApplyReport, type Contribution, type Plan } from './plan/index.ts'

/** `Declared`: the type of `rollups` in the configuration. */
export interface Strata<Declared extends DeclaredRollups = DeclaredRollups> extends QueryApi {
  readonly config: ResolvedConfig<Declared>
  /** The direct way to the primary, for structural work. */
  readonly db: Db
  /** All the servers, for the statements of an application: reads go to replicas. A pg.Pool, also to an ORM. */
  readonly pool: StrataPool
  /** A session that begins at `token`: its reads never show less than what the token, or the session itself, has seen. */
  session(token?: Token | string): CausalSession
  /** Runs `work` in a session of its own. */
  scope<T>(token: Token | string | undefined, work: (session: CausalSession) => T): T
  /** Sends the reads of `work` along a route, or that of a class of queries (`database.queries`). */
  routed<T>(route: string, work: () => T): T
  /** Where a statement would go now, and why. Nothing is sent. */
  explainRouting(query: string | RoutedConfig, options?: { readonly session?: CausalSession }): RoutingExplanation
  readonly migrate: Migrate
  /** The tables that are laid out in time and space. */
  readonly partitions: Partitions
  /** Aggregates that are kept current, each by its name, to be read: `strata.rollups.song_plays.since('30 days').rows()`. */
  readonly rollups: ReadersOf<Declared>
  /** What is done to rollups: their part of the plan, merging, filling, verifying. */
  readonly rollup: Rollups
  /** Materialized views: how fresh they are, and refreshing them. */
  readonly views: Views
  /** Turns live tables into partitioned ones, while they are used. */
  readonly conversion: Conversion
  /** Recurring work: what there is, what became of it, and running it. */
  readonly jobs: Jobs
  plan(): Promise<Plan>
  apply(options?: Pick<ApplyOptions, 'accept' | 'overwrite' | 'onEvent' | 'signal'>): Promise<ApplyReport>
  /** The servers of the configuration, the primary first, each with a connection of its own to ask it. */
  readonly nodes: readonly ConfiguredNode[]
  /** What each of them is now, and how far behind. A server that does not answer is part of the answer. */
  readNodes(): Promise<readonly NodeReport[]>
  /** What `doctor` asks. */
  readonly probes: readonly Probe[]
  /** Begins what runs in the background: jobs, in this process, as `pgstrata serve` runs them. */
  start(what: { readonly jobs: true | StartOptions }): Promise<void>
  /** Ends it in order. Idempotent. */
  stop(): Promise<void>
  /** stop(); then waits for pool clients in use, as long as `pool.drainTimeout` says. Idempotent. */
  close(): Promise<void>
}

export interface StrataTools {
  readonly clock?: Clock
  readonly random?: Random
  readonly logger?: Logger
}

/** Of one run, and of the scheduler. */
const jobConnections = 4

export function openStrata<Declared extends DeclaredRollups = DeclaredRollups>(
  config: ResolvedConfig<Declared>,
  tools: StrataTools = {},
): Strata<Declared> {
  const { clock = systemClock, random = systemRandom, logger = silentLogger } = tools
  const { connectTimeoutMs } = config.database
  const db = openDb({ url: config.database.direct, connectTimeoutMs })
  const nodes = configuredNodes(config, db)
  let closing: Promise<unknown> | undefined
  const pool = new StrataPool(config.pool, { clock, random })
  const migrate = createMigrate({ db, options: config.migrate, from: config.root, clock, random, logger })
  const api = createQueryApi(pool, { clock, random })
  const structures = createStructures(config, { db, clock, random })
  const { partitions, rollup, views } = structures
  const jobs = createJobs({
    open: (applicationName, limits) =>
      openDb({ url: config.database.direct, connectTimeoutMs, applicationName, max: jobConnections, ...limits }),
    jobs: assembleJobs({
      settings: config.jobs,
      cleanups: config.cleanups,
      contributed: [...partitions.jobs, ...rollup.jobs, ...views.jobs],
    }),
    leaseMs: config.jobs.leaseMs,
    clock,
    random,
    logger,
  })
  const closeAll = async (): Promise<void> => {
    await jobs.close()
    await Promise.all([pool.end(), ...[db, ...nodes.map((node) => node.db)].map((opened) => opened.close())])
  }
  return {
    config,
    db,
    pool,
    session: (token) => pool.session(token),
    scope: (token, work) => pool.scope(token, work),
    routed: (route, work) => pool.routed(route, work),
    explainRouting: (query, how) => pool.explainRouting(query, how),
    ...api,
    migrate,
    ...structures,
    rollups: rollup.readers<Declared>(async (statement) => await api.query(statement)),
    jobs,
    start: (what) => jobs.start(what.jobs === true ? {} : what.jobs),
    stop: () => jobs.stop(),
    ...structuralWork(config, { db, ...structures }, { clock, random }),
    nodes,
    readNodes: () => readNodes(nodes, clock),
    probes: [
      ...serverProbes(db, nodes[0]?.db === db ? 'primary' : 'direct'),
      ...nodeProbes({ reference: db, nodes, clock }),
      ...settingProbes(db),
      ...catalogProbes(db),
      ...migrateProbes(migrate),
    ],
    close: async () => {
      closing ??= closeAll()
      await closing
    },
  }
}

/** The features that keep something in the database. */
function createStructures(
  { ladder, ...config }: ResolvedConfig,
  tools: { readonly db: Db; readonly clock: Clock; readonly random: Random },
): Pick<Strata, 'partitions' | 'rollup' | 'views' | 'conversion'> {
  return {
    partitions: createPartitions({ ...tools, tables: config.tables, ladder, monthlyIn: config.monthlyFunctionIn }),
    rollup: createRollups({ ...tools, rollups: config.rollups }),
    views: createViews({ ...tools, views: config.views, ladder, nextTickMs }),
    conversion: createConversion({ ...tools, ladder }),
  }
}

/** What features contribute, shown or carried out. */
function structuralWork(
  { ladder, waitMs }: Pick<ResolvedConfig, 'ladder' | 'waitMs'>,
  { db, ...features }: Pick<Strata, 'db' | 'partitions' | 'rollup' | 'views'>,
  tools: { readonly clock: Clock; readonly random: Random },
): Pick<Strata, 'plan' | 'apply'> {
  const contribute = (session: Session): Promise<readonly Contribution[]> => contributeAll(session, features)
  return {
    plan: () => db.withSession(async (session) => await readPlan(session, await contribute(session))),
    apply: (options = {}) => applyPlan({ db, contribute, ladder, waitMs, ...tools, ...options }),
  }
}

/** Tables are laid out before rollups watch their partitions; views may read all that. */
async function contributeAll(
  session: Session,
  { partitions, rollup, views }: Pick<Strata, 'partitions' | 'rollup' | 'views'>,
): Promise<readonly Contribution[]> {
  return [
    contributeCatalog(await readInstalledVersion(session)),
    await partitions.contribute(session),
    await rollup.contribute(session),
    await views.contribute(session),
  ]
}

/** Where the primary is reached as it is for structural work, the same way serves for both. */
function configuredNodes({ database, pool }: ResolvedConfig, direct: Db): ConfiguredNode[] {
  const { connectTimeoutMs } = database
  // Besides its pool a process has one connection to each server that looks where it stands.
  const watching = pool.replicas.length === 0 ? 0 : 1
  return [
    {
      name: 'primary',
      db: database.primary === database.direct ? direct : openDb({ url: database.primary, connectTimeoutMs }),
      isReplica: false,
      maxLagMs: 0,
      connections: pool.max + watching,
    },
    ...pool.replicas.map((replica) => ({
      name: replica.name,
      db: openDb({ url: replica.connectionString, connectTimeoutMs }),
      isReplica: true,
      maxLagMs: replica.maxLag,
      connections: replica.max + watching,
    })),
  ]
}
