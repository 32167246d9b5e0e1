// Rollups as a configuration declares them, on a database of each test's own.

import { afterEach, beforeEach } from 'vitest'
import { resolveConfig } from '../../src/config/index.ts'
import type { StrataConfig } from '../../src/config/shape.ts'
import { openStrata, type Strata } from '../../src/strata.ts'
import { testDatabase, type TestDatabase, type TestedMajor } from '../support/postgres.ts'

export type Said = Readonly<Record<string, unknown>>

export interface Declared {
  readonly database: () => TestDatabase
  /** Closes what a test has opened by itself, before the database. */
  readonly closeAfter: <Opened extends { close(): Promise<void> }>(opened: Opened) => Opened
  /** With what is declared besides the database; closed with the test. */
  readonly configure: (more: Partial<StrataConfig>) => Strata
  /** One rollup, song_plays, or none. */
  readonly declare: (rollup?: Said) => Strata
}

/** In a describe block; `prepare` begins each test. */
export function useDeclared(version: TestedMajor, prepare: (database: TestDatabase) => Promise<void> | void): Declared {
  let database: TestDatabase | undefined
  const opening: { close(): Promise<void> }[] = []
  beforeEach(async () => {
    database = await testDatabase(version)
    await prepare(database)
  })
  afterEach(async () => {
    await Promise.all(opening.splice(0).map((opened) => opened.close()))
    await database?.close()
  })
  const current = (): TestDatabase => {
    if (database === undefined) throw new Error('The database is there only inside tests')
    return database
  }
  const closeAfter: Declared['closeAfter'] = (opened) => {
    opening.push(opened)
    return opened
  }
  const configure = (more: Partial<StrataConfig>): Strata => {
    const written: StrataConfig = { database: { primary: current().url }, ...more }
    return closeAfter(openStrata(resolveConfig<unknown>(written, { root: '/', name: 'pgstrata.config.ts' })))
  }
  const declare = (rollup?: Said): Strata =>
    configure({ rollups: rollup === undefined ? {} : { song_plays: rollup } } as unknown as Partial<StrataConfig>)
  return { database: current, closeAfter, configure, declare }
}
