// The database of the scenario: deployed as the app deploys it, filled by its generator, under the settings that the app gives its own server.

import { generate } from '../../../examples/mycelix/src/generator/generate.ts'
import { openMycelix, resolveMycelix, type MycelixStrata } from '../../../examples/mycelix/src/strata.ts'
import { startCluster, type EmbeddedCluster } from 'pgstrata/embedded'
import type { BenchContext } from '../../harness/scenario.ts'

interface Server {
  readonly cluster: EmbeddedCluster
  readonly url: string
}

interface ServerOptions {
  readonly folder: string
  /** false: for filling only. */
  readonly durable: boolean
  readonly signal: AbortSignal
}

const name = 'mycelix'
/** Vacuums are made where they are said, so that none falls into a round. */
const settings = {
  autovacuum: 'off',
  shared_buffers: '1GB',
  effective_cache_size: '4GB',
  work_mem: '64MB',
  maintenance_work_mem: '512MB',
  max_wal_size: '4GB',
  checkpoint_timeout: '30min',
}

export async function withServer<T>(
  { folder, durable, signal }: ServerOptions,
  work: (server: Server) => Promise<T>,
): Promise<T> {
  const cluster = await startCluster({
    dataDir: `${folder}/data`,
    database: name,
    preload: ['pg_stat_statements'],
    settings,
    durable,
    signal,
  })
  try {
    return await work({ cluster, url: cluster.primary.url(name) })
  } finally {
    await cluster.stop()
  }
}

export async function withMycelix<T>(url: string, work: (strata: MycelixStrata) => Promise<T>): Promise<T> {
  const strata = openMycelix(resolveMycelix({ url }))
  try {
    return await work(strata)
  } finally {
    await strata.close()
  }
}

export async function mergeAll({ rollup }: MycelixStrata): Promise<void> {
  for (const { name } of rollup.declared) await rollup.merge(name)
}

/** Deploys, fills and merges, which takes windows up to this hour. Returns what is told of the data. */
export async function fill(url: string, count: number, { signal, progress }: BenchContext): Promise<string> {
  return await withMycelix(url, async (strata) => {
    await strata.migrate.up({ signal })
    await strata.apply({ signal })
    const { plays, songs, artists, listeners, payments, tookMs } = await generate(strata, { plays: count, signal })
    const shown = (number: number): string => number.toLocaleString('en-US')
    const data = `${shown(plays)} plays of a year, ${shown(songs)} songs of ${shown(artists)} artists, ${shown(listeners)} listeners, ${shown(payments)} payments`
    await mergeAll(strata)
    progress(`${data}: generated in ${(tookMs / 1_000).toFixed(0)} s`)
    return data
  })
}
