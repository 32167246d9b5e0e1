// The database of the scenario: deployed as the app deploys it, filled by its generator, under the settings that the app gives its own server.

import { generate } from '../../../examples/mycelix/src/generator/generate.ts'
import { openMycelix, resolveMycelix, type MycelixStrata } from '../../../examples/mycelix/src/strata.ts'
import type { BenchContext } from '../../harness/scenario.ts'
import { withKeptServer, type KeptServer, type KeptServerOptions } from '../../support/kept-server.ts'

type ServerOptions = Pick<KeptServerOptions, 'folder' | 'durable' | 'signal'>

/** Vacuums are made where they are said, so that none falls into a round. */
const settings = {
  autovacuum: 'off',
  shared_buffers: '4GB',
  effective_cache_size: '12GB',
  work_mem: '64MB',
  maintenance_work_mem: '512MB',
  max_wal_size: '4GB',
  checkpoint_timeout: '30min',
}

export async function withServer<T>(options: ServerOptions, work: (server: KeptServer) => Promise<T>): Promise<T> {
  return await withKeptServer({ ...options, database: 'mycelix', settings }, work)
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
  await rollup.merge()
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
