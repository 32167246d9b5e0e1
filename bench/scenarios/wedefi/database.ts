// One server for all parts of the scenario, each with a database of its own, as the app deploys it.

import { startCluster, type EmbeddedCluster } from 'pgstrata/embedded'
import { openWedefi, resolveWedefi } from '../../../examples/wedefi/src/strata.ts'

const settings = {
  shared_buffers: '1GB',
  effective_cache_size: '4GB',
  max_wal_size: '8GB',
  checkpoint_timeout: '1h',
  random_page_cost: '1.1',
}

export async function withServer<T>(signal: AbortSignal, work: (cluster: EmbeddedCluster) => Promise<T>): Promise<T> {
  const cluster = await startCluster({ settings, preload: ['pg_stat_statements'], signal })
  try {
    return await work(cluster)
  } finally {
    await cluster.stop()
  }
}

export async function deploy(url: string, signal: AbortSignal): Promise<void> {
  const strata = openWedefi(resolveWedefi({ url, replicas: {} }))
  try {
    await strata.migrate.up({ signal })
    await strata.apply({ signal })
  } finally {
    await strata.close()
  }
}
