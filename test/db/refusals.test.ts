// A server that cannot carry structural work is recognised before anything is done to it: one clear error with its
// code, and nothing left behind.

import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { requireWritable, detectPooler, type ServerFacts } from '../../src/db/server-facts.ts'
import { openDb } from '../../src/db/pg-db.ts'
import type { Db } from '../../src/db/db.ts'
import { startCluster, type EmbeddedCluster } from '../../src/embedded/index.ts'
import { sql } from '../../src/sql/sql.ts'
import { openMigrations, type MigrationFolder } from '../support/migrations.ts'
import { startPgBouncer } from '../support/pgbouncer.ts'
import { skipped, testDatabase, versions, type TestDatabase } from '../support/postgres.ts'

describe.each(versions)('on PostgreSQL %d', (version) => {
  let database: TestDatabase
  let folder: MigrationFolder
  const opened: Db[] = []
  const open = (url: string): Db => {
    const db = openDb({ url, connectTimeoutMs: 2_000 })
    opened.push(db)
    return db
  }
  const migrateOver = async (url: string): Promise<unknown> => {
    folder = await openMigrations(open(url), { '0001_a.sql': 'create table a (id int);' })
    return await folder.migrate.up().catch((error: unknown) => error)
  }

  beforeEach(async () => {
    database = await testDatabase(version)
  })
  afterEach(async () => {
    await Promise.all(opened.splice(0).map((db) => db.close()))
    await folder.close()
    await database.close()
  })

  test('a database that only takes reads', async () => {
    await database.db.query(sql`alter database ${sql.ident(database.name)} set default_transaction_read_only = on`)
    expect(await migrateOver(database.url)).toMatchObject({ code: 'DATABASE_READ_ONLY', exitCode: 4 })
  })

  test('a role that may not create a schema, until an owner makes one for it', async () => {
    const role = `weak_${database.name}`
    await database.db.query(sql`create role ${sql.ident(role)} login`)
    const url = database.url.replace('postgres@', `${role}@`)
    expect(await migrateOver(url)).toMatchObject({
      code: 'DATABASE_PRIVILEGE',
      advice: expect.stringContaining('grant create on database'),
    })
    await folder.close()
    await database.db.query(sql`create schema pgstrata authorization ${sql.ident(role)}`)
    await database.db.query(sql`grant create on schema public to ${sql.ident(role)}`)
    expect(await migrateOver(url)).toMatchObject({ ran: [{ name: '0001_a' }] })
    await database.db.query(sql`drop owned by ${sql.ident(role)}`)
    await database.db.query(sql`drop role ${sql.ident(role)}`)
  })

  test.each([
    ['a port nobody listens on', (url: string) => url.replace(/:\d+\//, ':1/'), 'ECONNREFUSED'],
    ['a database that is not there', (url: string) => `${url}_missing`, 'does not exist'],
    ['a host that is not there', (url: string) => url.replace('127.0.0.1', 'nowhere.invalid'), ''],
  ])('%s, with the password kept to ourselves', async (_name, change, reason) => {
    const error = await migrateOver(change(database.url).replace('postgres@', 'postgres:hunter2@'))
    expect(error).toMatchObject({ code: 'DATABASE_UNREACHABLE', message: expect.stringContaining(reason) })
    expect(`${JSON.stringify(error)} ${String(error)}`).not.toContain('hunter2')
  })

  test.skipIf(skipped.has('pgbouncer'))(
    'a PgBouncer in transaction mode, with the address of the server behind it',
    async () => {
      const pooler = await startPgBouncer(database.url, 'transaction')
      try {
        const error = await migrateOver(pooler.url)
        const { host } = new URL(database.url)
        expect(error).toMatchObject({
          code: 'DATABASE_POOLER',
          details: { direct: `postgres://postgres@${host}/${database.name}` },
        })
        expect((await database.db.query(sql`select from pg_namespace where nspname = 'pgstrata'`)).rows).toEqual([])
      } finally {
        await pooler.close()
      }
    },
  )

  test.skipIf(skipped.has('pgbouncer'))('a PgBouncer in session mode is recognised and serves', async () => {
    const pooler = await startPgBouncer(database.url, 'session')
    try {
      expect(await migrateOver(pooler.url)).toMatchObject({ ran: [{ name: '0001_a' }] })
      expect(await detectPooler(open(pooler.url))).toBe('session')
      expect(await detectPooler(database.db)).toBe('none')
    } finally {
      await pooler.close()
    }
  })
})

describe('a replica', () => {
  let cluster: EmbeddedCluster
  beforeAll(async () => {
    cluster = await startCluster({ replicas: 1 })
  })
  afterAll(() => cluster.stop())

  test('is refused, and the way out is said', async () => {
    const [replica] = cluster.replicas
    const db = openDb({ url: replica?.url() ?? '' })
    const folder = await openMigrations(db, { '0001_a.sql': 'create table a (id int);' })
    await expect(folder.migrate.up()).rejects.toMatchObject({
      code: 'DATABASE_IS_REPLICA',
      advice: expect.stringContaining('database.primary'),
    })
    await folder.close()
    await db.close()
  })
})

const facts: ServerFacts = {
  versionNum: 180_004,
  version: '18.4',
  isReplica: false,
  isReadOnly: false,
  canCreateSchema: true,
  user: 'app',
  isSuperuser: false,
  serverAddress: null,
  serverPort: null,
  database: 'app',
}

test('a server older than 15 is refused by its number', () => {
  expect(() => requireWritable({ ...facts, versionNum: 140_012, version: '14.12' }, true)).toThrow(
    expect.objectContaining({
      code: 'DATABASE_TOO_OLD',
      message: 'The server is too old: expected PostgreSQL 15 or newer, got PostgreSQL 14.12',
    }),
  )
  expect(() => requireWritable({ ...facts, versionNum: 150_000 }, true)).not.toThrow()
})
