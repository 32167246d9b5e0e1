// Which migrations share a transaction, and that nobody can tell but by the clock.

import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { onlyRow } from '../../src/db/db.ts'
import { sql } from '../../src/sql/sql.ts'
import { openMigrations, type MigrationFolder } from '../support/migrations.ts'
import { testDatabase, versions, type TestDatabase } from '../support/postgres.ts'

describe.each(versions)('batches on PostgreSQL %d', (version) => {
  let database: TestDatabase
  let folder: MigrationFolder
  /** Names of migrations, those of one transaction together. */
  const transactions = async (): Promise<string[]> => {
    const { rows } = await database.db.query<{ names: string }>(sql`
      select string_agg(name, ' ' order by sequence) as names from pgstrata.migration group by xmin::text order by min(sequence)`)
    return rows.map((row) => row.names)
  }
  const write = async (files: Readonly<Record<string, string>>): Promise<void> => {
    for (const [name, text] of Object.entries(files)) await folder.write(name, text)
  }

  beforeEach(async () => {
    database = await testDatabase(version)
    folder = await openMigrations(database.db)
    await database.db.query(sql`create table old (id int primary key)`)
  })
  afterEach(async () => {
    await folder.close()
    await database.close()
  })

  test('migrations on tables made in the same run share one; what touches anything else does not', async () => {
    await write({
      '01_a.sql': 'create table a (id int primary key) -- a',
      '02_b.sql': 'create table b (id int references a);\ncreate index on b (id);\ncomment on table b is $$b$$;',
      '03_c.sql':
        'alter table a add column at timestamptz default now();\ninsert into a values (1, now()), (2, now());',
      '04_old.sql': 'alter table old add column a int;',
      '05_d.sql': 'create table d (id int);',
      '06_ref.sql': 'create table e (id int references old);',
      '07_if.sql': 'create table if not exists old (id int);\nalter table old add column b int;',
      '08_f.sql': 'create table f (id int);',
      '09_g.sql': "create table g (id int default length('x'));",
      '10_h.sql':
        "create table h (id int);\ninsert into h values (length(set_config('search_path', 'pg_catalog', false)));",
      '11_i.sql': 'create table i (id int);\ncreate index concurrently i_idx on i (id);',
    })
    expect((await folder.migrate.up()).ran).toHaveLength(11)
    expect(await transactions()).toEqual([
      '01_a 02_b 03_c',
      '04_old',
      '05_d',
      '06_ref',
      '07_if',
      '08_f',
      '09_g',
      '10_h',
      '11_i',
    ])
    expect((await folder.migrate.status()).every((status) => status.state === 'applied')).toBe(true)
    expect((await folder.migrate.up()).ran).toEqual([])
  })

  test('where one fails, those before it stand, and it is named', async () => {
    await write({
      '01_a.sql': 'create table a (id int primary key);',
      '02_b.sql': 'create table b (id int);',
      '03_bad.sql': 'create table c (id int);\n\ninsert into b values (1, 2);',
      '04_d.sql': 'create table d (id int);',
    })
    await expect(folder.migrate.up()).rejects.toMatchObject({
      code: 'MIGRATION_FAILED',
      message: expect.stringContaining('03_bad.sql:3'),
    })
    expect((await folder.migrate.status()).map((status) => status.state)).toEqual([
      'applied',
      'applied',
      'pending',
      'pending',
    ])
    await folder.write('03_bad.sql', 'create table c (id int);\n\ninsert into b values (1);')
    await folder.migrate.up()
    expect(onlyRow(await database.db.query(sql`select count(*)::int as n from b`))).toEqual({ n: 1 })
  })

  test('a large folder is cut into batches, in order', async () => {
    const names = Array.from({ length: 120 }, (_, n) => `${String(n + 1).padStart(4, '0')}_t`)
    await write(
      Object.fromEntries(
        names.map((name, n) => [
          `${name}.sql`,
          n === 0 ? 'create table t (id int);' : `alter table t add column c${n} int;`,
        ]),
      ),
    )
    expect((await folder.migrate.up()).ran.map((item) => item.name)).toEqual(names)
    expect((await transactions()).map((group) => group.split(' ').length)).toEqual([50, 50, 20])
  })
})
