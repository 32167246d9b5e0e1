// A database of mycelix on a server of the run: as `deploy` leaves it, and with plays where a test wants some.

import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll } from 'vitest'
import { openStrata, resolveConfig, type Strata, type StrataConfig } from 'pgstrata'
import config from '../../../examples/mycelix/pgstrata.config.ts'
import { fill } from '../../../examples/mycelix/src/generator/fill.ts'
import { sizesOf } from '../../../examples/mycelix/src/generator/sizes.ts'
import type { Db } from '../../../src/db/db.ts'
import { testDatabase, type TestDatabase, type TestedMajor } from '../../support/postgres.ts'
import { createTemplates } from '../support/served.ts'

/** The folder of the app. */
export const folder: string = fileURLToPath(new URL('../../../examples/mycelix', import.meta.url))

export interface Filled {
  readonly strata: Strata
  /** For looking on, past the app. */
  readonly db: Db
  readonly url: string
}

const silent = { add: () => undefined, set: () => undefined, finish: () => undefined }

/** The app's configuration, for a database of a test. It does not watch: that would add statements of its own. */
export function openOn(url: string, more: Partial<StrataConfig> = {}): Strata {
  const whole: StrataConfig = config
  const { watch: _, alerts: __, expect: ___, server: ____, ...rest } = whole
  return openStrata(
    resolveConfig<unknown>(
      { ...rest, database: { ...config.database, primary: url }, ...more },
      { root: folder, name: 'pgstrata.config.ts' },
    ),
  )
}

export async function deployOn(url: string): Promise<Strata> {
  const strata = openOn(url)
  await strata.migrate.up({ lint: false })
  await strata.apply()
  return strata
}

const templateOf = createTemplates(async ({ url }) => await (await deployOn(url)).close())

export interface FilledOptions {
  /** Default: none. They are written with everything in its place, as an application writes. */
  readonly plays?: number
  readonly seed?: number
}

/** In a describe block: one database for all its tests. */
export function useFilled(version: TestedMajor, { plays = 0, seed = 1 }: FilledOptions = {}): () => Filled {
  let database: TestDatabase | undefined
  let strata: Strata | undefined
  beforeAll(async () => {
    database = await testDatabase(version, { template: await templateOf(version) })
    strata = openOn(database.url)
    if (plays === 0) return
    await fill({ strata, sizes: sizesOf(plays), seed, now: new Date(), bar: () => silent, signal: undefined })
    await strata.db.query({ text: 'analyze', values: [] })
  })
  afterAll(async () => {
    await strata?.close()
    await database?.close()
  })
  return () => {
    if (database === undefined || strata === undefined) throw new Error('The database is there only inside tests')
    return { strata, db: database.db, url: database.url }
  }
}
