// Two databases on one server with the same rows: `before` has the tables as they were, with keys and constraints; `after` is deployed as the
// app deploys it.

import { resolveConfig } from 'pgstrata'
import config from '../../../examples/sessions/pgstrata.config.ts'
import { generate } from '../../../examples/sessions/src/generator/generate.ts'
import {
  folder,
  openSessions,
  resolveSessions,
  type SessionsConfig,
  type SessionsStrata,
} from '../../../examples/sessions/src/strata.ts'
import type { BenchContext } from '../../harness/scenario.ts'
import { withKeptServer, type KeptServer } from '../../support/kept-server.ts'
import { withClient } from '../../support/with-client.ts'

export type Side = 'before' | 'after'

const sides: readonly Side[] = ['before', 'after']

const settings = {
  shared_buffers: '1GB',
  effective_cache_size: '4GB',
  max_wal_size: '4GB',
  checkpoint_timeout: '30min',
}

export interface ServerOptions {
  readonly folder: string
  readonly signal: AbortSignal
  /** false: for filling only. Default: true. */
  readonly durable?: boolean
}

export async function withServer<T>(options: ServerOptions, work: (server: KeptServer) => Promise<T>): Promise<T> {
  return await withKeptServer({ ...options, durable: options.durable ?? true, database: 'after', settings }, work)
}

export function urlOf({ cluster }: KeptServer, side: Side): string {
  return cluster.primary.url(side)
}

/** As it was before: a pool of 20, and nothing else that is declared: no Redis, no partitions, no rollups, nobody who listens or watches. */
export function plainConfig(url: string): SessionsConfig {
  const { database, server } = config
  const written = { server, database: { ...database, primary: url, pool: plainPool } }
  return resolveConfig<unknown>(written, { root: folder, name: 'pgstrata.config.ts' }) as unknown as SessionsConfig
}

/** Of the original design, before. */
const plainPool = { max: 20, min: 0, idleTimeout: '30s', connectTimeout: '2s' } as const

export async function withStrata<T>(config: SessionsConfig, work: (strata: SessionsStrata) => Promise<T>): Promise<T> {
  const strata = openSessions(config)
  try {
    return await work(strata)
  } finally {
    await strata.close()
  }
}

/** Fills both with the same rows; vacuumed, so that no autovacuum falls into a round. Returns what is told of the data. */
export async function fill(server: KeptServer, scale: number, { signal, progress }: BenchContext): Promise<string> {
  await withClient(
    server.cluster.primary.url('postgres'),
    async (client) => await client.query('create database before'),
  )
  const options = { scale, seed: 3, now: new Date() }
  const [, filled] = [
    await withStrata(plainConfig(urlOf(server, 'before')), async (strata) => {
      await strata.migrate.up({ to: '0001', signal, lint: false })
      return await generate(strata, options)
    }),
    await withStrata(resolveSessions({ url: urlOf(server, 'after') }), async (strata) => {
      await strata.migrate.up({ signal, lint: false })
      await strata.apply({ signal })
      return await generate(strata, options)
    }),
  ]
  for (const side of sides)
    await withClient(urlOf(server, side), async (client) => await client.query('vacuum (analyze)'))
  const shown = (count: number): string => count.toLocaleString('en-US')
  const { users, sessions, events, reports, blocks } = filled
  const told = `${shown(users)} wallets, ${shown(sessions)} sessions of 90 days, ${shown(events)} events of telemetry, ${shown(reports)} reports and ${shown(blocks)} blocks`
  progress(told)
  return told
}
