// A server whose data stay in a folder, so that one and the same data is filled once, and measured under other settings.

import { startCluster, type EmbeddedCluster } from 'pgstrata/embedded'

export interface KeptServerOptions {
  readonly folder: string
  readonly database: string
  readonly settings: Readonly<Record<string, string>>
  /** false: for filling only. */
  readonly durable: boolean
  readonly signal: AbortSignal
}

export interface KeptServer {
  readonly cluster: EmbeddedCluster
  readonly url: string
}

export async function withKeptServer<T>(
  { folder, ...options }: KeptServerOptions,
  work: (server: KeptServer) => Promise<T>,
): Promise<T> {
  const cluster = await startCluster({ ...options, dataDir: `${folder}/data`, preload: ['pg_stat_statements'] })
  try {
    return await work({ cluster, url: cluster.primary.url(options.database) })
  } finally {
    await cluster.stop()
  }
}
