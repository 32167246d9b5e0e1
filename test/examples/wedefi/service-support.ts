// The app's database as deployed, with the partitions that a test needs, and its service on a port of its own.

import { afterAll, beforeAll } from 'vitest'
import { resolveConfig } from 'pgstrata'
import config from '../../../examples/wedefi/pgstrata.config.ts'
import { deployForMoves } from '../../../examples/wedefi/src/growth/deploy.ts'
import { folder, type WedefiConfig, type WedefiStrata } from '../../../examples/wedefi/src/strata.ts'
import type { ArchiveConfig } from '../../../src/config/archive.ts'
import type { Db } from '../../../src/db/db.ts'
import { testDatabase, type TestDatabase, type TestedMajor } from '../../support/postgres.ts'
import { removeTestArchive, testArchive } from './archive-folder.ts'

export interface TestConfigOptions {
  readonly url: string
  /** Whole months of partitions before that of now. Default: 1. `all`: as the app has them. */
  readonly months?: number | 'all'
  /** The same of all tables but prices. Default: `months`. */
  readonly others?: number
  /** Default: a folder of this process. */
  readonly archive?: ArchiveConfig
}

/** It does not watch, and no job of its own runs. */
export function testConfig({ url, months = 1, others, archive = testArchive }: TestConfigOptions): WedefiConfig {
  const { watch: _, alerts: __, expect: ___, ...rest } = config
  const { PriceSnapshot, PortfolioSnapshot, PositionSnapshot } = config.tables
  const few = months === 'all' ? {} : { ahead: 1, from: monthBefore(months) }
  const fewer = others === undefined ? few : { ahead: 1, from: monthBefore(others) }
  const given = {
    ...rest,
    database: { ...config.database, primary: { ...config.database.primary, url }, replicas: [] },
    tables: {
      ...config.tables,
      PriceSnapshot: { ...PriceSnapshot, ...few },
      PortfolioSnapshot: { ...PortfolioSnapshot, ...fewer },
      PositionSnapshot: { ...PositionSnapshot, ...fewer },
    },
    archive,
    jobs: { ...config.jobs, own: {} },
  }
  return resolveConfig(given, { root: folder, name: 'pgstrata.config.ts' })
}

/** '2026-01-01' */
export function monthBefore(months: number): string {
  const now = new Date()
  return new Date(Date.UTC(now.getUTCFullYear(), now.getUTCMonth() - months)).toISOString().slice(0, 10)
}

export interface Deployed {
  readonly strata: WedefiStrata
  /** For looking on, past the app. */
  readonly db: Db
  readonly url: string
}

type DeployOptions = Omit<TestConfigOptions, 'url'>

/** In a describe block: one database with migrations, partitions, rollups and views, whose months can be moved at once. */
export function useDeployed(
  version: TestedMajor,
  options: () => Promise<DeployOptions> | DeployOptions = () => ({}),
): () => Deployed {
  let database: TestDatabase | undefined
  let strata: WedefiStrata | undefined
  beforeAll(async () => {
    database = await testDatabase(version)
    strata = await deployForMoves(testConfig({ url: database.url, ...(await options()) }), { lint: false })
  })
  afterAll(async () => {
    await strata?.close()
    await database?.close()
    await removeTestArchive()
  })
  return () => {
    if (database === undefined || strata === undefined) throw new Error('The database is there only inside tests')
    return { strata, db: database.db, url: database.url }
  }
}
