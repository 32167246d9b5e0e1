// A real PostgreSQL for `npm start` in an app's folder: the server that `dev` in its configuration describes, data kept below
// the app's .pgstrata/.
//
// Promises: what is given back has every address of the configuration lead to that server. `stop` ends it in order and keeps the data.
// A folder whose server runs already is refused, with the process that runs it. New data is filled before anybody else comes, on a server
// that does without what a filled one is for: flushing, WAL for replicas, the replicas themselves. It is given back flushed and as
// configured, with its replicas. Where that was cut off, by Ctrl-C or a power cut, the next start begins with empty data.

import { join } from 'node:path'
import {
  loadConfig,
  openDb,
  sql,
  StrataError,
  type LoadedConfig,
  type ResolvedConfig,
  type ResolvedReplica,
} from 'pgstrata'
import { startCluster, type ClusterOptions, type EmbeddedCluster } from 'pgstrata/embedded'
import { beginFilling, endFilling, isFilling, isNew } from './filling.ts'
import { KitError } from './kit-error.ts'
import type { Progress, ProgressOptions } from './progress.ts'

export interface EmbeddedOptions<Written = unknown> {
  /** The app's, with its pgstrata.config.ts. */
  readonly folder: string
  /** Default: what `dev` in the configuration says. */
  readonly replicas?: number
  /** Begin with empty data. */
  readonly reset?: boolean
  /** Default: '.pgstrata/data' below the folder. */
  readonly dataDir?: string
  /** What empty data begins with. Default: it stays empty. */
  readonly fill?: FillOptions<Written>
  /** Interrupts the start. */
  readonly signal?: AbortSignal
}

export interface FillOptions<Written> {
  /** Is done with the server when it returns. Not called where there is data. */
  readonly work: (server: Filling<Written>) => Promise<void>
  /** Of the server meanwhile, above those of `dev`. */
  readonly settings?: Readonly<Record<string, string>>
  /** Makes the bar of what follows: the data flushed, its replicas made. Default: none is shown. */
  readonly progress?: (options: ProgressOptions) => Progress
}

/** A server that is being filled. */
export interface Filling<Written> {
  /** For openStrata: the app's, on this server. */
  readonly config: LoadedConfig<Written>['config']
  readonly url: string
}

export interface Embedded<Written> {
  /** For openStrata: the app's, on this server. */
  readonly config: LoadedConfig<Written>['config']
  /** Of the primary. */
  readonly url: string
  readonly replicaUrls: readonly string[]
  /** '18.4' */
  readonly version: string
  readonly dataDir: string
  /** The data is that of an earlier start. */
  readonly reused: boolean
  /** After everything that uses it has closed. */
  stop(): Promise<void>
}

type Config<Written> = LoadedConfig<Written>['config']

const placeholderUrl = 'postgres://postgres@127.0.0.1/app'
const replicaMaxLagMs = 1_000

/** `Written`: the type of what pgstrata.config.ts exports, for typed rollup readers. */
export async function openEmbedded<Written = unknown>(options: EmbeddedOptions<Written>): Promise<Embedded<Written>> {
  const { folder, reset = false, fill, signal } = options
  const { config } = await loadConfig<Written>({ cwd: folder, fallbackUrl: placeholderUrl })
  const { replicas = config.dev.replicas, dataDir = join(config.dev.dir, 'data') } = options
  const cluster = clusterOf(config, { folder, dataDir, ...(signal === undefined ? {} : { signal }) })
  const isCutOff = await isFilling(dataDir)
  const isWhole = !isCutOff && !(await isNew(dataDir))
  if (fill !== undefined && (reset || !isWhole)) {
    await fillNew(config, { cluster, dataDir, fill, isWhole })
    return embeddedOn(config, await openFilled({ cluster, dataDir, replicas, progress: fill.progress }), false)
  }
  const opened = await startCluster({ ...cluster, replicas, reset: reset || isCutOff })
  if (isCutOff) await endFilling(dataDir)
  return embeddedOn(config, opened, opened.reused)
}

interface FillNew<Written> {
  readonly cluster: ClusterOptions
  readonly dataDir: string
  readonly fill: FillOptions<Written>
  /** There is data that was filled to its end, to be reset. */
  readonly isWhole: boolean
}

/** WAL for nobody who follows, and nothing flushed; on a port that nobody knows. */
async function fillNew<Written>(
  config: Config<Written>,
  { cluster, dataDir, fill: { work, settings = {} }, isWhole }: FillNew<Written>,
): Promise<void> {
  const { port: _, ...options } = cluster
  await beginFilling(dataDir)
  const filling = await startCluster({
    ...options,
    reset: true,
    durable: false,
    settings: { ...options.settings, wal_level: 'minimal', max_wal_senders: '0', ...settings },
  }).catch(async (error: unknown) => {
    // Its server runs, so nothing was touched.
    if (isWhole && error instanceof StrataError && 'pid' in error.details) await endFilling(dataDir)
    throw error
  })
  try {
    const server = embeddedOn(config, filling, false)
    await work({ config: server.config, url: server.url })
    await writeOut(server.url)
  } finally {
    await filling.stop()
  }
}

/** A server that is told to end gives its last checkpoint a limit of time; this one has none. */
async function writeOut(url: string): Promise<void> {
  const db = openDb({ url, max: 1 })
  try {
    await db.query(sql`checkpoint`)
  } finally {
    await db.close()
  }
}

interface OpenFilled {
  readonly cluster: ClusterOptions
  readonly dataDir: string
  readonly replicas: number
  readonly progress: FillOptions<unknown>['progress']
}

/** The start of a server that is to be durable flushes what the one before wrote. Replicas are copied from it then. */
async function openFilled({ cluster, dataDir, replicas, progress }: OpenFilled): Promise<EmbeddedCluster> {
  const bar = progress?.({ label: 'Servers', total: 1 + replicas, unit: 'servers' })
  const opened = await startCluster({ ...cluster, replicas: 0 })
  try {
    await endFilling(dataDir)
    bar?.add()
    for (let number = 1; number <= replicas; number++) {
      if (cluster.signal?.aborted === true)
        throw new KitError('Stopped. What is missing are replicas; the next start makes them.')
      await (await opened.addReplica()).waitFor()
      bar?.add()
    }
    return opened
  } catch (error) {
    await opened.stop()
    throw error
  } finally {
    bar?.finish()
  }
}

function embeddedOn<Written>(config: Config<Written>, cluster: EmbeddedCluster, reused: boolean): Embedded<Written> {
  const url = cluster.primary.url(config.dev.database)
  const replicas = cluster.replicas.map((replica): ResolvedReplica => ({
    name: replica.name,
    connectionString: replica.url(config.dev.database),
    max: config.pool.max,
    routes: ['read'],
    maxLag: replicaMaxLagMs,
  }))
  return {
    config: {
      ...config,
      database: { ...config.database, primary: url, direct: url },
      pool: { ...config.pool, connectionString: url, replicas },
    },
    url,
    replicaUrls: replicas.map(({ connectionString }) => connectionString),
    version: cluster.version,
    dataDir: cluster.dataDir,
    reused,
    stop: () => cluster.stop(),
  }
}

function clusterOf(
  { dev }: ResolvedConfig,
  place: Pick<ClusterOptions, 'dataDir' | 'signal'> & { readonly folder: string },
): ClusterOptions {
  const { folder, ...rest } = place
  return {
    ...rest,
    version: dev.version,
    ...(dev.port === 0 ? {} : { port: dev.port }),
    database: dev.database,
    preload: dev.preload,
    settings: dev.settings,
    from: folder,
  }
}
