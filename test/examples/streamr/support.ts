// What the tests of streamr share: its database as `deploy` leaves it, on a database of the test's own.

import { fileURLToPath } from 'node:url'
import type { Kysely } from 'kysely'
import { afterAll, beforeAll } from 'vitest'
import { openStrata, resolveConfig, type Strata, type StrataConfig } from 'pgstrata'
import config from '../../../examples/streamr/pgstrata.config.ts'
import { openDatabase, type Database } from '../../../examples/streamr/src/database.ts'
import type { Db } from '../../../src/db/db.ts'
import { testDatabase, type TestDatabase, type TestedMajor } from '../../support/postgres.ts'

/** The folder of the app. */
export const folder: string = fileURLToPath(new URL('../../../examples/streamr', import.meta.url))

export interface Streamr {
  readonly strata: Strata
  readonly kysely: Kysely<Database>
  /** For looking on, past the app. */
  readonly db: Db
  readonly url: string
}

export interface StreamrOptions {
  /** Days of partitions before today: each costs about ten milliseconds. Default 2; `all` is what the configuration says. */
  readonly days?: number | 'all'
  readonly rollups?: StrataConfig['rollups']
}

/** The app's configuration, for a database of a test. It does not watch: that would add statements of its own. */
export function configOf(url: string, { days = 2, rollups = config.rollups }: StreamrOptions = {}): StrataConfig {
  const from = days === 'all' ? config.tables.probe_results.from : dayBefore(days)
  const { watch: _, alerts: __, expect: ___, server: ____, ...rest } = config
  return {
    ...rest,
    database: { ...config.database, primary: url },
    tables: { probe_results: { ...config.tables.probe_results, from } },
    rollups,
    cache: { namespaces: shortLived },
  }
}

/** Tests write past the service, and read at once; that answers are kept has its own. */
const shortLived = Object.fromEntries(
  Object.keys(config.cache.namespaces).map((name) => [name, { ttl: '1ms', refreshAhead: false }]),
)

export function openOn(url: string, options: StreamrOptions = {}): Strata {
  return openStrata(resolveConfig<unknown>(configOf(url, options), { root: folder, name: 'pgstrata.config.ts' }))
}

/** In a describe block: one database with migrations, partitions and rollups. */
export function useStreamr(version: TestedMajor, options: StreamrOptions = {}): () => Streamr {
  let database: TestDatabase | undefined
  let strata: Strata | undefined
  beforeAll(async () => {
    database = await testDatabase(version)
    strata = openOn(database.url, options)
    await strata.migrate.up({ lint: false })
    await strata.apply()
  })
  afterAll(async () => {
    await strata?.close()
    await database?.close()
  })
  return () => {
    if (database === undefined || strata === undefined) throw new Error('The database is there only inside tests')
    return { strata, kysely: openDatabase(strata), db: database.db, url: database.url }
  }
}

function dayBefore(days: number): string {
  return new Date(Date.now() - days * 86_400_000).toISOString().slice(0, 10)
}
