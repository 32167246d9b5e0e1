// What runs on an embedded scratch cluster: `verify` (up, down, up) and the shadow run of `up --dry-run`.

import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { requireVerified } from '../../src/migrate/index.ts'
import { dumpSchema } from '../../src/catalog/dump/index.ts'
import { sql } from '../../src/sql/sql.ts'
import { openMigrations, type MigrationFolder } from '../support/migrations.ts'
import { testDatabase, versions, type TestDatabase } from '../support/postgres.ts'

describe.each(versions)('on PostgreSQL %d', (version) => {
  let database: TestDatabase
  let folder: MigrationFolder

  beforeEach(async () => {
    database = await testDatabase(version)
    folder = await openMigrations(database.db)
  })
  afterEach(async () => {
    await folder.close()
    await database.close()
  })

  test('verify finds a down that forgets something, and names it', async () => {
    await folder.write(
      '0001_good.sql',
      '-- up\ncreate table song (id int primary key);\ncreate index concurrently song_idx on song (id);\n-- down\ndrop table song;\n',
    )
    await folder.write(
      '0002_bad.sql',
      '-- up\nalter table song add column a int;\nalter table song add column b int;\n-- down\nalter table song drop column b;\n',
    )
    await folder.write('0003_one_way.sql', 'create table lost (id int);\n')
    const results = await folder.migrate.verify()
    expect(results.map(({ name, verdict }) => [name, verdict])).toEqual([
      ['0001_good', 'ok'],
      ['0002_bad', 'down differs'],
      ['0003_one_way', 'irreversible'],
    ])
    expect(results[1]?.diff.join('\n')).toMatch(/\+ .*a integer/)
    expect(() => requireVerified(results)).toThrow(expect.objectContaining({ code: 'MIGRATION_VERIFY', exitCode: 6 }))
  })

  test('a dry run shows the locks a server really took, and changes nothing', async () => {
    await folder.write(
      '0001_song.sql',
      'create table song (id int primary key, title text);\ncreate table play (id int, song_id int);\n',
    )
    await folder.migrate.up()
    await folder.write(
      '0002_change.sql',
      `alter table song add column genre text;
create index song_genre_idx on song (genre);
alter table play alter column id type bigint;
create table fresh (id int);
alter table fresh add column a int;
alter table play add constraint play_song_fkey foreign key (song_id) references song (id) not valid;
create index concurrently song_title_idx on song (title);
`,
    )
    const before = await dumpSchema(database.db)
    const { statements, notRebuilt } = await folder.migrate.dryRun()
    expect(notRebuilt).toEqual([])
    expect(
      statements.map(({ line, locks, cost, transaction, source }) => ({
        line,
        locks: locks.map((lock) => `${lock.mode} ${lock.on}`),
        cost,
        transaction,
        source,
      })),
    ).toEqual([
      { line: 1, locks: ['ACCESS EXCLUSIVE song'], cost: 'catalog', transaction: 'inside', source: 'seen' },
      { line: 2, locks: ['SHARE song'], cost: 'build', transaction: 'inside', source: 'seen' },
      { line: 3, locks: ['ACCESS EXCLUSIVE play'], cost: 'rewrite', transaction: 'inside', source: 'seen' },
      { line: 4, locks: [], cost: 'catalog', transaction: 'inside', source: 'seen' },
      { line: 5, locks: [], cost: 'catalog', transaction: 'inside', source: 'seen' },
      {
        line: 6,
        locks: ['SHARE ROW EXCLUSIVE play', 'SHARE ROW EXCLUSIVE song'],
        cost: 'catalog',
        transaction: 'inside',
        source: 'seen',
      },
      { line: 7, locks: ['SHARE UPDATE EXCLUSIVE "song"'], cost: 'build', transaction: 'outside', source: 'manual' },
    ])
    expect(await dumpSchema(database.db)).toBe(before)
    expect((await folder.migrate.status()).map((status) => status.state)).toEqual(['applied', 'pending'])
  })

  test('a dry run says which statement would fail', async () => {
    await folder.write('0001_bad.sql', 'create table song (id int);\nalter table sonng add column a int;\n')
    await expect(folder.migrate.dryRun()).rejects.toMatchObject({
      code: 'MIGRATION_FAILED',
      message: expect.stringContaining('0001_bad.sql:2'),
    })
  })

  test('a baseline is the live schema, recorded as applied, and it verifies', async () => {
    await database.db.query(
      sql.raw(`create schema shop; create type shop.mood as enum ('low'); create table shop.b (id int primary key, m shop.mood);
      create table shop.a (id int primary key references shop.b, x int default length('abc')); create view shop.v as select * from shop.a`),
    )
    const path = await folder.migrate.baseline()
    expect(path).toMatch(/_baseline\.sql$/)
    expect((await folder.migrate.status()).map((status) => status.state)).toEqual(['applied'])
    expect((await folder.migrate.up()).ran).toEqual([])
    await expect(folder.migrate.baseline()).rejects.toMatchObject({ code: 'FILE_EXISTS' })
    const empty = await testDatabase(version)
    const copy = await openMigrations(empty.db)
    await copy.write(
      path.split('/').at(-1) ?? '',
      await folder.migrate.show('baseline').catch(async () => (await folder.migrate.status())[0]?.file?.text ?? ''),
    )
    await copy.migrate.up()
    expect(await dumpSchema(empty.db)).toBe(await dumpSchema(database.db))
    await copy.close()
    await empty.close()
  })
})
