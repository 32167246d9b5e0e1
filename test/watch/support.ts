// A database with what watching keeps in it, as `pgstrata apply` makes it; and one probe, asked as the sampler asks it.

import { afterAll, beforeAll, describe, inject } from 'vitest'
import { resolveConfig } from '../../src/config/resolve.ts'
import { openStrata, type Strata } from '../../src/strata.ts'
import type { Db } from '../../src/db/db.ts'
import { openDb } from '../../src/db/pg-db.ts'
import { startCluster, type EmbeddedCluster } from '../../src/embedded/index.ts'
import { sql } from '../../src/sql/sql.ts'
import type { NodeFacts, Reading, ServerProbe } from '../../src/watch/index.ts'
import { askProbe } from '../../src/watch/sampler/ask.ts'
import { readNodeFacts } from '../../src/watch/sampler/facts.ts'
import { testDatabase, versions, type TestDatabase, type TestedMajor } from '../support/postgres.ts'

export function strataOf(url: string, more: Readonly<Record<string, unknown>> = {}): Strata {
  const config = resolveConfig({ database: { primary: url }, watch: {}, ...more }, { root: '/', name: 'test' })
  return openStrata(config)
}

export async function applyWatch(url: string, more: Readonly<Record<string, unknown>> = {}): Promise<void> {
  const strata = strataOf(url, more)
  try {
    await strata.apply()
  } finally {
    await strata.close()
  }
}

const template = 'watch_template'
/** Of the server's database "postgres": one makes it, the others wait. */
const templateLock = 7_040_001

/** What an apply makes, made once a run and copied: a database of that, to which nobody is connected. */
async function watchTemplate(version: TestedMajor): Promise<string> {
  const server = openDb({ url: inject('postgresUrls')[version] ?? '', max: 1 })
  try {
    await server.withSession(async (session) => {
      await session.query(sql`select pg_advisory_lock(${templateLock})`)
      const { rows } = await session.query(sql`select from pg_database where datname = ${template}`)
      if (rows.length > 0) return
      const made = await testDatabase(version)
      await applyWatch(made.url)
      await made.db.close()
      await session.query(sql`alter database ${sql.ident(made.name)} rename to ${sql.ident(template)}`)
    })
  } finally {
    await server.close()
  }
  return template
}

/** The same tests on every version, each time in a database where watching was applied as it is by default. */
export function describeOnWatched(
  name: string,
  tests: (version: TestedMajor, database: () => TestDatabase) => void,
): void {
  describe.each([...versions])(`${name} on PostgreSQL %s`, (version) => {
    let database: TestDatabase | undefined
    beforeAll(async () => {
      database = await testDatabase(version, { template: await watchTemplate(version) })
    })
    afterAll(async () => {
      await database?.close()
    })
    tests(version, () => {
      if (database === undefined) throw new Error('The database is there only inside tests and hooks')
      return database
    })
  })
}

export interface Asked extends Reading {
  /** Of a series: its value. */
  readonly valueOf: (metric: string, ...labels: readonly string[]) => number | undefined
}

export async function ask(db: Db, probe: ServerProbe, known: Partial<NodeFacts> = {}): Promise<Asked> {
  return await db.withSession(async (session) => {
    const facts = { ...(await readNodeFacts(session, 'primary')), ...known }
    const reading = await askProbe(session, probe, { facts, signal: new AbortController().signal })
    return {
      ...reading,
      valueOf: (metric, ...labels) =>
        reading.points.find((point) => point.metric === metric && point.labels.join(' ') === labels.join(' '))?.value,
    }
  })
}

export async function run(db: Db, ...statements: readonly string[]): Promise<void> {
  for (const statement of statements) await db.query(sql.raw(statement))
}

/** For what counts all there is on a server: a cluster of each version that no other test uses. */
export function describeOnOwnCluster(
  name: string,
  tests: (version: TestedMajor, database: () => { readonly db: Db; readonly url: string }) => void,
): void {
  describe.each([...versions])(`${name} on PostgreSQL %s`, (version) => {
    let cluster: EmbeddedCluster | undefined
    let opened: { readonly db: Db; readonly url: string } | undefined
    beforeAll(async () => {
      cluster = await startCluster({ version, inMemory: true, settings: { max_connections: '200' } })
      const url = await cluster.createDatabase('watched')
      opened = { url, db: openDb({ url }) }
    }, 60_000)
    afterAll(async () => {
      await opened?.db.close()
      await cluster?.stop()
    })
    tests(version, () => {
      if (opened === undefined) throw new Error('The database is there only inside tests and hooks')
      return opened
    })
  })
}
