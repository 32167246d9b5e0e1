// A real PostgreSQL for `npm start` in an app's folder: the server that `dev` in its configuration describes, data kept below
// the app's .pgstrata/.
//
// Promises: what is given back has every address of the configuration lead to that server. `stop` ends it in order and keeps the data.
// A folder whose server runs already is refused, with the process that runs it.

import { join } from 'node:path'
import { loadConfig, type LoadedConfig, type ResolvedConfig, type ResolvedReplica } from 'pgstrata'
import { startCluster } from 'pgstrata/embedded'

export interface EmbeddedOptions {
  /** The app's, with its pgstrata.config.ts. */
  readonly folder: string
  /** Default: what `dev` in the configuration says. */
  readonly replicas?: number
  /** Begin with empty data. */
  readonly reset?: boolean
  /** Default: '.pgstrata/data' below the folder. */
  readonly dataDir?: string
  /** Interrupts the start. */
  readonly signal?: AbortSignal
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

const placeholderUrl = 'postgres://postgres@127.0.0.1/app'
const replicaMaxLagMs = 1_000

/** `Written`: the type of what pgstrata.config.ts exports, for typed rollup readers. */
export async function openEmbedded<Written = unknown>(options: EmbeddedOptions): Promise<Embedded<Written>> {
  const { config } = await loadConfig<Written>({ cwd: options.folder, fallbackUrl: placeholderUrl })
  const cluster = await start(config, options)
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
    reused: cluster.reused,
    stop: () => cluster.stop(),
  }
}

function start(
  { dev }: ResolvedConfig,
  { folder, replicas = dev.replicas, reset = false, dataDir = join(dev.dir, 'data'), signal }: EmbeddedOptions,
): ReturnType<typeof startCluster> {
  return startCluster({
    version: dev.version,
    replicas,
    dataDir,
    ...(dev.port === 0 ? {} : { port: dev.port }),
    reset,
    database: dev.database,
    preload: dev.preload,
    settings: dev.settings,
    from: folder,
    ...(signal === undefined ? {} : { signal }),
  })
}
