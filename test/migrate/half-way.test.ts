// Runs that end half-way, or before anything took effect, and what the next command makes of them.

import { rename, symlink } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { Db } from '../../src/db/db.ts'
import { openDb } from '../../src/db/pg-db.ts'
import { sql } from '../../src/sql/sql.ts'
import { openMigrations, type MigrationFolder } from '../support/migrations.ts'
import { testDatabase, versions, type TestDatabase } from '../support/postgres.ts'
import { waitUntil } from '../support/wait.ts'

describe.each(versions)('half-way on PostgreSQL %d', (version) => {
  let database: TestDatabase
  let folder: MigrationFolder
  let db: Db
  const states = async (): Promise<string[]> => (await folder.migrate.status()).map((status) => status.state)
  const numbers = async (): Promise<number[]> =>
    (await db.query<{ n: number }>(sql`select n from song order by n`)).rows.map((row) => row.n)

  beforeEach(async () => {
    database = await testDatabase(version)
    db = database.db
    await db.query(sql`create table song (n int, kept text default 'kept')`)
    folder = await openMigrations(
      db,
      {},
      { ladder: { firstTimeoutMs: 50, lastTimeoutMs: 60, tries: 2, concurrentTimeoutMs: 200 } },
    )
  })
  afterEach(async () => {
    await folder.close()
    await database.close()
  })

  test('a down that failed before anything took effect leaves the migration applied: up does not repeat it', async () => {
    await folder.write(
      '0001_a.sql',
      '-- up\ninsert into song values (1);\ncreate index concurrently song_idx on song (n);\n-- down\ndrop index concurrently no_such_index;\n',
    )
    await folder.migrate.up()
    await expect(folder.migrate.down()).rejects.toMatchObject({ code: 'MIGRATION_FAILED' })
    expect(await states()).toEqual(['applied'])
    expect((await folder.migrate.up()).ran).toEqual([])
    expect(await numbers()).toEqual([1])
  })

  test('an up that failed before anything took effect is pending: down does not undo what it never did', async () => {
    await db.query(sql`insert into song values (1), (1)`)
    await folder.write(
      '0001_a.sql',
      '-- up\ncreate unique index concurrently song_key on song (n);\n-- down\nalter table song drop column kept;\n',
    )
    await expect(folder.migrate.up()).rejects.toMatchObject({ code: 'MIGRATION_FAILED' })
    expect(await states()).toEqual(['pending'])
    expect((await folder.migrate.down()).ran).toEqual([])
    expect((await db.query(sql`select kept from song limit 1`)).rows).toEqual([{ kept: 'kept' }])
  })

  test('a DO that commits by itself, interrupted, waits for a person', async () => {
    const commits =
      'do $$ begin insert into song values (1); commit; perform pg_sleep(3600); end $$;\ninsert into song values (2);\n'
    await folder.write('0001_a.sql', commits)
    const running = folder.migrate.up()
    running.catch(() => undefined)
    await waitUntil(async () => (await numbers()).length > 0, { what: 'the first commit' })
    await db.query(
      sql`select pg_terminate_backend(pid) from pg_stat_activity where query like 'do $$%' and datname = current_database() and pid <> pg_backend_pid()`,
    )
    await expect(running).rejects.toMatchObject({ code: 'DATABASE_LOST' })
    await expect(folder.migrate.up()).rejects.toMatchObject({
      code: 'MIGRATION_UNFINISHED',
      advice: expect.stringContaining('settle'),
    })
    expect(await numbers()).toEqual([1])
    await folder.migrate.settle('1', 'done')
    await folder.migrate.up()
    expect(await numbers()).toEqual([1, 2])
    await expect(folder.migrate.settle('1', 'again')).rejects.toMatchObject({ code: 'MIGRATION_UNKNOWN' })
  })

  test('a connection that the server ends is an error of ours, in every phase, and never ends the process', async () => {
    await folder.write('0001_a.sql', 'select pg_sleep(3600);\n')
    await folder.write(
      '0002_b.mjs',
      `export async function up({ query, sql }) { await query(sql\`select pg_sleep(3600)\`) }`,
    )
    for (const name of ['0001_a.sql', '0002_b.mjs']) {
      const running = folder.migrate.up()
      running.catch(() => undefined)
      await waitUntil(
        async () =>
          (
            await db.query(
              sql`select pg_terminate_backend(pid) from pg_stat_activity where query like '%pg_sleep(3600)%' and state = 'active' and datname = current_database() and pid <> pg_backend_pid()`,
            )
          ).rows.length > 0,
        { what: 'something to end' },
      )
      await expect(running).rejects.toMatchObject({ code: 'DATABASE_LOST', exitCode: 4 })
      await folder.remove(name)
    }
    // Between two statements, while somebody's code does something else.
    await db.withSession(async (session) => {
      const other = openDb({ url: database.url })
      await other.query(sql`select pg_terminate_backend(${session.pid}, 5000)`)
      await expect(session.query(sql`select 1`)).rejects.toBeInstanceOf(Error)
      await other.close()
    })
  })

  test.each([
    ['create table early (n int);\n-- up\nselect 1;\n', 'before `-- up`'],
    ['create table a (n int);\n-- Down Migration\ndrop table a;\n', 'looks like the marker'],
    ['-- migrate:up\ncreate table a (n int);\n-- migrate:down\ndrop table a;\n', 'looks like the marker'],
    ['-- +goose Up\nselect 1;\n', 'looks like the marker'],
    [
      "set local search_path = pg_catalog;\ncreate type m as enum ('a');\nalter type m add value 'b';\nselect 1;\n",
      'holds to the end of its transaction',
    ],
    ['lock table song;\nvacuum song;\n', 'holds to the end of its transaction'],
    ['begin isolation level serializable;\nselect 1;\ncommit;\n', 'SET TRANSACTION'],
  ])('%j is refused before anything of it runs', async (text, reason) => {
    await folder.write('0001_a.sql', text)
    await expect(folder.migrate.up()).rejects.toMatchObject({
      code: 'MIGRATION_INVALID',
      message: expect.stringContaining(reason),
    })
  })

  test('a comment that begins with the word up or down is only a comment', async () => {
    await folder.write(
      '0001_a.sql',
      '-- up to 100 rows\n-- upsert\n-- down the road: more\ninsert into song values (1);\n',
    )
    await folder.migrate.up()
    expect(await numbers()).toEqual([1])
  })

  test('a late SET TRANSACTION fails as it should, and is not moved out of its transaction', async () => {
    await folder.write('0001_a.sql', 'insert into song values (1);\nset transaction isolation level serializable;\n')
    await expect(folder.migrate.up()).rejects.toMatchObject({ code: 'MIGRATION_FAILED' })
    expect(await numbers()).toEqual([])
  })

  test('code that leaves a transaction open is refused, and the lock is free again', async () => {
    await folder.write(
      '0001_a.mjs',
      `export const transaction = false\nexport async function up({ query, sql }) { await query(sql\`begin\`); await query(sql\`insert into song values (1)\`) }`,
    )
    await expect(folder.migrate.up()).rejects.toMatchObject({
      code: 'MIGRATION_INVALID',
      message: expect.stringContaining('left a transaction open'),
    })
    await folder.write(
      '0001_a.mjs',
      `export const transaction = false\nexport async function up({ query, sql }) { await query(sql\`begin\`); await query(sql\`select 1/0\`) }`,
    )
    await expect(folder.migrate.up()).rejects.toMatchObject({ code: 'MIGRATION_FAILED' })
    expect(
      (
        await db.query(
          sql`select from pg_locks where locktype = 'advisory' and database = (select oid from pg_database where datname = current_database())`,
        )
      ).rows,
    ).toEqual([])
    expect(await numbers()).toEqual([])
  })

  test('a migration that is a link is a migration', async () => {
    await folder.write('0001_a.sql', 'insert into song values (1);\n')
    await rename(join(folder.dir, '0001_a.sql'), join(folder.dir, 'stored'))
    await symlink('stored', join(folder.dir, '0001_a.sql'))
    expect((await folder.migrate.up()).ran).toHaveLength(1)
  })

  test('passwords and values of rows stay out of what is told', async () => {
    for (const [text, secret] of [
      ["create role song_reader password 'hunter2hunter2' nonsense;", 'hunter2'],
      ["create role postgres password 'hunter2hunter2';", 'hunter2'],
      [
        "insert into song values (1, '123-45-6789'); alter table song alter column kept drop default, alter column kept type int using kept::int;",
        '123-45',
      ],
    ] as const) {
      await folder.write('0001_a.sql', text)
      const error: unknown = await folder.migrate.up().catch((failure: unknown) => failure)
      const { message, notes } = error as { message: string; notes: readonly string[] }
      expect([message, ...notes].join('\n')).not.toContain(secret)
    }
  })

  test('the line is right behind characters that are two units of UTF-16', async () => {
    await folder.write('0001_a.sql', `select '${'😀'.repeat(60)}',\n  1,\n  2,\n  nonsense;\n`)
    await expect(folder.migrate.up()).rejects.toMatchObject({ message: expect.stringContaining('0001_a.sql:4:') })
    await folder.write('0001_a.sql', `select '${'😀'.repeat(60)}',\n  1,\n  2 nonsense nonsense;\n`)
    await expect(folder.migrate.up()).rejects.toMatchObject({
      code: 'SQL_SYNTAX',
      message: expect.stringContaining('0001_a.sql:3:'),
    })
  })
})
