// A migration that releases the lock under which it runs (pg_advisory_unlock_all is meant for something else, and takes
// ours along): what it did then is not committed, because another runner may have begun the same.

import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { Db } from '../../src/db/db.ts'
import { sql } from '../../src/sql/sql.ts'
import { openMigrations, type MigrationFolder } from '../support/migrations.ts'
import { testDatabase, versions, type TestDatabase } from '../support/postgres.ts'

describe.each(versions)('a migration that releases the lock on PostgreSQL %d', (version) => {
  let database: TestDatabase
  let folder: MigrationFolder
  let db: Db
  const count = async (): Promise<number> => (await db.query(sql`select from song`)).rowCount
  const states = async (): Promise<string[]> => (await folder.migrate.status()).map(({ state }) => state)
  const released = {
    code: 'MIGRATION_FAILED',
    message: expect.stringContaining('The lock that keeps two runners apart was released'),
  }

  beforeEach(async () => {
    database = await testDatabase(version)
    db = database.db
    folder = await openMigrations(db)
    await db.query(
      sql.raw(`create table song (n int);
      create function hidden() returns void language plpgsql as $$ begin perform pg_advisory_unlock_all(); end $$`),
    )
  })
  afterEach(async () => {
    await folder.close()
    await database.close()
  })

  test.each([
    ['in plain sight', 'insert into song values (1);\nselect pg_advisory_unlock_all();\ninsert into song values (2);'],
    ['in a function', 'insert into song values (1);\nselect hidden();'],
    ['one after the other', "insert into song values (1);\nset application_name = 'x';\nselect hidden();"],
  ])('%s: nothing of its transaction is committed, and the file is named', async (_where, text) => {
    await folder.write('0001_a.sql', text)
    const error: unknown = await folder.migrate.up().catch((thrown: unknown) => thrown)
    expect(error).toMatchObject({
      ...released,
      message: expect.stringMatching(/^0001_a\.sql:\d: The lock/),
      notes: expect.arrayContaining([expect.stringContaining('pg_advisory_unlock_all()')]),
    })
    expect([await count(), await states()]).toEqual([0, ['pending']])
    await folder.write('0001_a.sql', 'insert into song values (1);')
    expect((await folder.migrate.up()).ran).toHaveLength(1)
  })

  test('in code: the same', async () => {
    await folder.write(
      '0001_a.mjs',
      `export async function up({ query, sql }) {
  await query(sql\`insert into song values (1)\`)
  await query(sql\`select pg_advisory_unlock_all()\`)
}`,
    )
    await expect(folder.migrate.up()).rejects.toMatchObject(released)
    expect([await count(), await states()]).toEqual([0, ['pending']])
  })

  test('outside a transaction: it is not noted as done, and a person has to say what became of it', async () => {
    await folder.write(
      '0001_a.sql',
      'do $$ begin insert into song values (1); commit; perform hidden(); end $$;\ninsert into song values (2);',
    )
    await expect(folder.migrate.up()).rejects.toMatchObject(released)
    expect([await count(), await states()]).toEqual([1, ['unfinished']])
    await expect(folder.migrate.up()).rejects.toMatchObject({ code: 'MIGRATION_UNFINISHED' })
    await folder.migrate.settle('1', 'done')
    await folder.migrate.up()
    expect([await count(), await states()]).toEqual([2, ['applied']])
  })

  test('locks of its own it may take and release', async () => {
    await folder.write(
      '0001_a.sql',
      'select pg_advisory_lock(7);\ninsert into song values (1);\nselect pg_advisory_unlock(7);\nselect pg_advisory_xact_lock(8);',
    )
    await folder.migrate.up()
    expect(await count()).toBe(1)
  })
})
