// Databases for tests: fresh, on the clusters of the run, gone afterwards. One takes about 20 ms (in memory; see
// global-setup.ts).

import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, inject } from 'vitest'
import type { Db } from '../../src/db/db.ts'
import { openDb } from '../../src/db/pg-db.ts'
import { sql } from '../../src/sql/sql.ts'
import { versions, type TestedMajor } from './versions.ts'

export { skipped, versions, type TestedMajor } from './versions.ts'

export interface TestDatabase {
  readonly version: TestedMajor
  readonly name: string
  readonly url: string
  readonly db: Db
  /** Ends the pool, then drops the database, with whoever is still in it. */
  close(): Promise<void>
}

export interface TestDatabaseOptions {
  /** A database to copy, to which nobody is connected. */
  readonly template?: string | undefined
  /** Default: a name that is nobody else's. */
  readonly name?: string | undefined
}

/** The shared cluster's own database: for looking on, and for what concerns the whole server. */
function serverUrl(version: TestedMajor, database = 'postgres'): string {
  const url = inject('postgresUrls')[version]
  if (url === undefined) throw new Error(`PostgreSQL ${version} was left out of this run`)
  return Object.assign(new URL(url), { pathname: `/${encodeURIComponent(database)}` }).href
}

export async function testDatabase(version: TestedMajor, options: TestDatabaseOptions = {}): Promise<TestDatabase> {
  const name = options.name ?? `test_${randomUUID().replaceAll('-', '').slice(0, 16)}`
  const template = options.template ?? 'template0'
  await onServer(version, async (server) => {
    await server.query(sql`create database ${sql.ident(name)} template ${sql.ident(template)}`)
  })
  const url = serverUrl(version, name)
  const db = openDb({ url })
  return {
    version,
    name,
    url,
    db,
    close: async () => {
      await db.close()
      await dropTestDatabase(version, name)
    },
  }
}

async function dropTestDatabase(version: TestedMajor, name: string): Promise<void> {
  await onServer(version, async (server) => {
    await server.query(sql`drop database if exists ${sql.ident(name)} with (force)`)
  })
}

/** In a describe block: one fresh database for all its tests. Call the result inside tests and hooks. */
export function useDatabase(
  version: TestedMajor,
  prepare?: (database: TestDatabase) => Promise<void>,
): () => TestDatabase {
  let database: TestDatabase | undefined
  beforeAll(async () => {
    database = await testDatabase(version)
    await prepare?.(database)
  })
  afterAll(async () => {
    await database?.close()
  })
  return () => {
    if (database === undefined) throw new Error('The database is there only inside tests and hooks')
    return database
  }
}

/** The same tests on every version; `database()` is fresh for the block. */
export function describeOnEachVersion(
  name: string,
  tests: (version: TestedMajor, database: () => TestDatabase) => void,
  prepare?: (database: TestDatabase) => Promise<void>,
): void {
  for (const version of versions) {
    describe(`${name} on PostgreSQL ${version}`, () => {
      tests(version, useDatabase(version, prepare))
    })
  }
}

async function onServer(version: TestedMajor, work: (server: Db) => Promise<void>): Promise<void> {
  const server = openDb({ url: serverUrl(version), max: 1 })
  try {
    await work(server)
  } finally {
    await server.close()
  }
}
