// Facts as a real catalog gives them, on each version.

import { describe, expect, test } from 'vitest'
import { readLiveFacts, tableKey, type LiveFacts, type TableFacts } from '../../src/migrate/lint/index.ts'
import { parseSql } from '../../src/sql/parse.ts'
import { sql } from '../../src/sql/sql.ts'
import { useDatabase, versions } from '../support/postgres.ts'
import { lint } from './lint-support.ts'

const schema = sql.raw(`
  create table plays (id bigint primary key, track_id bigint, title varchar(50) not null, at timestamptz,
    constraint known check (track_id is not null and at > '2000-01-01')); -- NOT VALID counts in ALTER TABLE only
  alter table plays drop constraint known;
  alter table plays add constraint later check (at is not null) not valid;
  alter table plays add constraint known check (track_id is not null and id > 0);
  create index plays_title_idx on plays (title, lower(title));
  insert into plays select n, n, 'title', now() from generate_series(1, 1000) n;
  create table empty (id bigint, note text);
  create schema app;
  create table app.events (at timestamptz not null, n int) partition by range (at);
  create table app.events_2026 partition of app.events for values from ('2026-01-01') to ('2027-01-01');
  insert into app.events select timestamptz '2026-01-01' + n * interval '1 minute', n from generate_series(1, 1000) n;
  create view top as select * from plays;
  create materialized view best as select id from plays;
  create unique index best_id on best (id);
  create table "Odd.Name" ("select" int);
  analyze;
  set timezone = 'UTC';`)

describe.each(versions)('PostgreSQL %s', (version) => {
  const database = useDatabase(version, async ({ db }) => {
    await db.query(schema)
  })

  const read = async (text: string): Promise<LiveFacts> => await readLiveFacts(database().db, await parseSql(text))
  const factsOf = async (text: string, name: string, inSchema?: string): Promise<TableFacts | undefined> =>
    (await read(text)).tables.get(tableKey({ schema: inSchema, name }))

  test('size, columns, indexes and checks of a table', async () => {
    const facts = await factsOf('alter table plays add column x int', 'plays')
    expect(facts).toMatchObject({ schema: 'public', name: 'plays', kind: 'table', partitionKey: [] })
    expect(facts?.rows).toBeGreaterThanOrEqual(1000)
    expect(facts?.sizeBytes).toBeGreaterThan(40_000)
    expect(facts?.columns).toContainEqual({ name: 'title', type: 'character varying(50)', notNull: true })
    expect(facts?.columns).toContainEqual({ name: 'track_id', type: 'bigint', notNull: false })
    expect(facts?.indexes).toContainEqual({ name: 'plays_title_idx', unique: false, valid: true, columns: ['title'] })
    const checks = facts?.checks.filter(({ name }) => ['known', 'later'].includes(name)) ?? []
    expect(checks.map(({ name, validated, notNullColumns }) => [name, validated, notNullColumns]).toSorted()).toEqual([
      ['known', true, ['track_id']],
      ['later', false, ['at']],
    ])
    expect(checks.find(({ name }) => name === 'known')?.columns.toSorted()).toEqual(['id', 'track_id'])
  })

  test('traffic is told per second', async () => {
    await database().db.query(sql`select pg_stat_force_next_flush()`)
    await database().db.query(
      sql.raw(
        'insert into plays select n, n, $$t$$, now() from generate_series(5001, 6000) n; select pg_stat_force_next_flush()',
      ),
    )
    const facts = await factsOf('drop table plays', 'plays')
    expect(facts?.writesPerSecond).toBeGreaterThan(0)
  })

  test('an empty table with TOAST has no size', async () => {
    expect(await factsOf('truncate empty', 'empty')).toMatchObject({ sizeBytes: 0, rows: 0 })
  })

  test('a partitioned table counts its partitions, and knows its key', async () => {
    const facts = await factsOf('create index i on app.events (n)', 'events', 'app')
    expect(facts).toMatchObject({ kind: 'partitioned', rows: 1000, partitionKey: ['at'] })
    expect(facts?.sizeBytes).toBeGreaterThan(30_000)
  })

  test('views, materialized views, names that need quotes, and names that are not there', async () => {
    expect(await factsOf('alter view top rename to best_of', 'top')).toMatchObject({ kind: 'view' })
    expect(await factsOf('refresh materialized view best', 'best')).toMatchObject({
      kind: 'matview',
      indexes: [{ unique: true }],
    })
    expect(await factsOf('drop table "Odd.Name"', 'Odd.Name')).toMatchObject({ columns: [{ name: 'select' }] })
    expect(await factsOf('drop table nowhere, nobody.nothing', 'nowhere')).toBeUndefined()
    expect((await read('select 1')).tables.size).toBe(0)
  })

  test('an index leads to its table', async () => {
    const facts = await read('drop index plays_title_idx')
    expect(facts.indexes.get(tableKey({ name: 'plays_title_idx' }))).toEqual({ schema: 'public', name: 'plays' })
    expect(facts.tables.get(tableKey({ name: 'plays' }))?.rows).toBeGreaterThanOrEqual(1000)
    expect(facts).toMatchObject({ version })
  })

  test('a NOT NULL that is not validated is not taken for one', async () => {
    if (version < 18) return
    await database().db.query(
      sql.raw(
        'create table later (a int); insert into later values (1); alter table later add constraint later_nn not null a not valid',
      ),
    )
    const before = await read('alter table later alter column a set not null')
    expect(
      (await lint('alter table later alter column a set not null', { facts: before })).map(({ rule }) => rule),
    ).toContain('set-not-null')
    await database().db.query(sql.raw('alter table later validate constraint later_nn'))
    const after = await read('alter table later alter column a set not null')
    expect(await lint('alter table later alter column a set not null', { facts: after })).toEqual([])
  })
})
