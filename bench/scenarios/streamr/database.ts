// The database of the scenario: deployed as the app deploys it, filled by its generator, and kept in one folder, so that one and the same
// data is measured under different settings of the server.

import { generate } from '../../../examples/streamr/src/generator/generate.ts'
import { openStreamr, resolveStreamr, type StreamrStrata } from '../../../examples/streamr/src/strata.ts'
import type { BenchContext } from '../../harness/scenario.ts'
import { withKeptServer, type KeptServer, type KeptServerOptions } from '../../support/kept-server.ts'

type Settings = Readonly<Record<string, string>>

const common: Settings = { max_wal_size: '4GB', checkpoint_timeout: '30min' }

const serverSettings = {
  usual: { ...common, shared_buffers: '1GB', effective_cache_size: '4GB' },
  /** As guides set up a server with two processors and 1 GB. */
  small: {
    ...common,
    max_wal_size: '1GB',
    shared_buffers: '256MB',
    effective_cache_size: '768MB',
    work_mem: '4MB',
    maintenance_work_mem: '64MB',
    max_parallel_workers: '2',
    max_parallel_workers_per_gather: '1',
    random_page_cost: '1.1',
  },
} as const satisfies Readonly<Record<string, Settings>>

type ServerSize = keyof typeof serverSettings

export interface ServerOptions extends Pick<KeptServerOptions, 'folder' | 'signal'> {
  readonly size: ServerSize
  /** false: for filling only. Default: true. */
  readonly durable?: boolean
}

export async function withServer<T>(options: ServerOptions, work: (server: KeptServer) => Promise<T>): Promise<T> {
  const { size, durable = true, ...rest } = options
  return await withKeptServer({ ...rest, durable, database: 'streamr', settings: serverSettings[size] }, work)
}

export async function withStreamr<T>(url: string, work: (strata: StreamrStrata) => Promise<T>): Promise<T> {
  const strata = openStreamr(resolveStreamr({ url }))
  try {
    return await work(strata)
  } finally {
    await strata.close()
  }
}

/** Deploys and fills; vacuumed, so that no autovacuum falls into a round, and nothing is packed. Returns what is told of the data. */
export async function fill(url: string, scale: number, { signal, progress }: BenchContext): Promise<string> {
  return await withStreamr(url, async (strata) => {
    await strata.migrate.up({ signal })
    await strata.apply({ signal })
    const { streams, nodes, probes } = await generate(strata, { scale })
    progress(`${nodes} nodes of ${streams} streams, ${probes} probes`)
    // Ninety days at once would be packed while the rounds run. What packs are worth is measured by the scenario `tiers`.
    await strata.tiers.pause('probe_results')
    await strata.pool.query('vacuum (analyze)')
    const shown = (count: number): string => count.toLocaleString('en-US')
    return `${shown(nodes)} nodes, ${shown(streams)} streams of which ${shown(Math.round(100 * scale))} are carried by nodes and pay, and ${shown(probes)} probes of 90 days; of the hours before, six polls of each node; nothing of it is packed`
  })
}
