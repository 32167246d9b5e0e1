// What may be declared: expressions that mean the same to everybody, names that fit, tables of which everything is noticed.

import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { isStrataError } from '../../src/base/errors.ts'
import type { Db } from '../../src/db/db.ts'
import { inspectSource } from '../../src/rollups/declared/inspect.ts'
import type { Rollup } from '../../src/rollups/model/options.ts'
import { openDb } from '../../src/db/pg-db.ts'
import { sql } from '../../src/sql/sql.ts'
import { testDatabase, versions, type TestDatabase } from '../support/postgres.ts'
import { measure, rollupOf, run } from './support.ts'

describe.each(versions)('what may be declared on PostgreSQL %d', (version) => {
  let database: TestDatabase
  let db: Db
  const suffix = Math.random().toString(36).slice(2, 10)
  const owner = `rollup_app_${version}_${suffix}`
  beforeAll(async () => {
    database = await testDatabase(version)
    db = database.db
    await run(
      db,
      `create domain euros as numeric(10, 2)`,
      `create domain cents as int`,
      `create type mood as enum ('good', 'bad')`,
      `create collation fold (provider = icu, locale = 'und-u-ks-level2', deterministic = false)`,
      `create function steady(int) returns int immutable language sql as 'select $1'`,
      `create function moody(int) returns int stable language plpgsql as 'begin return $1; end'`,
      `create table plays (song int not null, at timestamptz not null, maybe timestamptz, day date not null, amount numeric, bounded numeric(10, 2), eur euros, cent cents, i2 int2, i8 int8, f4 float4, f8 float8, cash money, took interval, kind text, label text collate fold, doc json, docb jsonb, spot point, page xml, tags text[], during tstzrange, mood mood, stored int generated always as (song * 2) stored${version >= 18 ? ', ghost int generated always as (song * 2) virtual' : ''})`,
    )
  })
  afterAll(async () => await database.close())

  const inspect = async (rollup: Rollup): Promise<unknown> => {
    try {
      return await db.withSession((session) => inspectSource(session, rollup))
    } finally {
      const left = await db.query(sql`select from pg_class where relname like 'pgstrata_rollup%'`)
      expect(left.rowCount).toBe(0)
    }
  }
  const sumOf = (of: string, more: Partial<Rollup> = {}): Rollup =>
    rollupOf({ measures: [measure('x', 'sum', { of })], ...more })
  const refusal = async (rollup: Rollup): Promise<string> => {
    const error: unknown = await inspect(rollup).then(
      () => 'It was taken',
      (caught: unknown) => caught,
    )
    if (!isStrataError(error, 'ROLLUP_IMPOSSIBLE')) throw error instanceof Error ? error : new Error(String(error))
    return error.message
  }

  test.each([
    ['a filter', 'now() > at'],
    ['a filter', "current_user = 'x'"],
    ['a filter', 'random() > 0.5'],
    ['a filter', "day::text = '2026-01-01'"],
    ['a filter', "to_char(at, 'HH') = '01'"],
    ['a filter', 'moody(song) = 1'],
    ['a filter', 'kind::timestamptz > at'],
    ['a filter', "at::date = '2026-01-01'"],
    ['a filter', "at > 'now'::timestamptz"],
    ['a filter', "at > timestamptz 'today'"],
    ['a filter', "day > date ' Yesterday '"],
    ['an expression', 'amount) , (amount'],
    ['an expression', 'amount) from plays where (true'],
    ['an expression', 'amount) or (song = 1'],
    ['an expression', 'amount, song'],
    ['an expression', 'amount as x'],
    ['an expression', 'amount; drop table plays'],
    ['an expression', 'amount -- \n) , (1'],
    ['an expression', 'amount /*'],
    ['an expression', 'distinct amount'],
    ['an expression', ''],
    ['an expression', '*'],
    ['an expression', '(select 1)'],
    ['an expression', 'sum(amount)'],
    ['an expression', 'row_number() over ()'],
    ['an expression', 'generate_series(1, song)'],
    ['an expression', '$1'],
    ['an expression', 'unknown_column'],
    ['an expression', 'unknown_function(song)'],
    ['an expression', 'plays'],
    ['an expression', 'plays.amount'],
    ['an expression', 'xmin::text::int'],
    ['an expression', 'cash'],
    ['an expression', 'took'],
    ['an expression', 'kind'],
    ['an expression', 'f4'],
    ['an expression', 'f8'],
    ['an expression', 'null'],
  ])('refused, %s: %s', async (what, text) => {
    const declared = what === 'a filter' ? rollupOf({ where: text }) : sumOf(text)
    expect(await refusal(declared)).toMatch(/^Rollup "song_plays": /)
  })

  test.each(['doc', 'spot', 'page', 'nothing', 'ghost'])('refused as a key: %s', async (name) => {
    expect(await refusal(rollupOf({ by: [name] }))).toContain(`"${name}"`)
  })

  // Before 18 there is none.
  test.each(version < 18 ? [] : [version])('a virtual column is refused, also inside of an expression', async () => {
    expect(await refusal(sumOf('ghost'))).toContain('virtual')
    expect(await refusal(sumOf('song + coalesce(ghost, 1)'))).toContain('virtual')
    expect(await refusal(rollupOf({ where: 'ghost > 1' }))).toContain('virtual')
  })

  test('comments, and whatever reads as one expression, are taken as they are', async () => {
    for (const text of [
      'amount -- the price',
      '/* a */ amount',
      '(amount)',
      'case when song > 1 then amount end',
      'steady(song)',
      'stored',
      'coalesce(amount, 0) * 2',
      `case when ${'song > 1 and '.repeat(20)} true then amount end`,
    ])
      expect(await inspect(sumOf(text))).toMatchObject({ where: undefined })
    expect(await inspect(rollupOf({ where: 'true' }))).toMatchObject({ where: undefined })
    expect(await inspect(rollupOf({ where: `kind = 'now' and song in (1, 2)` }))).toMatchObject({
      where: expect.stringContaining('now'),
    })
  })

  test('literals are kept so that any session reads them alike', async () => {
    await db.withSession(async (session) => {
      await run(
        session,
        "set datestyle = 'SQL, DMY'",
        "set timezone = 'Asia/Tokyo'",
        "set intervalstyle = 'sql_standard'",
        'set standard_conforming_strings = off',
      )
      const facts = await inspectSource(
        session,
        rollupOf({
          where: `day > date '2026-02-03' and at > timestamptz '2026-02-03 00:00+00' and took < interval '-1 day +2:00' and kind <> E'a\\\\b'`,
        }),
      )
      expect(facts.where).toContain("'2026-02-03'::date")
      expect(facts.where).toContain("'2026-02-03 00:00:00+00'::timestamp with time zone")
      expect(facts.where).toContain("'-1 days +02:00:00'::interval")
      expect(facts.where).toContain("'a\\b'")
      await run(session, 'reset all')
    })
  })

  test.each<[string, Partial<Rollup>, string]>([
    [
      'a time that may be null',
      { bucket: { column: 'maybe', span: { unit: 'hour', count: 1 }, zone: 'UTC' } },
      'may be null',
    ],
    ['hours of a date', { bucket: { column: 'day', span: { unit: 'hour', count: 1 }, zone: 'UTC' } }, 'is a date'],
    ['a bucket of text', { bucket: { column: 'kind', span: { unit: 'hour', count: 1 }, zone: 'UTC' } }, 'no time'],
    [
      'a zone that is a slip of the pen',
      { bucket: { column: 'at', span: { unit: 'day', count: 1 }, zone: 'Europe/Berlin2' } },
      'no time zone',
    ],
    ['an abbreviation', { bucket: { column: 'at', span: { unit: 'day', count: 1 }, zone: 'CET' } }, 'another session'],
    ['a table that is not there', { table: 'nothing' }, 'no table'],
    ['a schema that is not there', { schema: 'nothing' }, 'no table'],
  ])('refused: %s', async (_what, said, expected) => {
    expect(await refusal(rollupOf(said))).toContain(expected)
  })

  test.each<[string, readonly string[], string, string]>([
    [
      'a partition',
      ['create table whole (like plays) partition by range (at)', 'create table part partition of whole default'],
      'part',
      'is part of another',
    ],
    [
      'a table that others inherit from',
      ['create table ancestor (like plays)', 'create table heir () inherits (ancestor)'],
      'ancestor',
      'inherit',
    ],
    ['a table that inherits', [], 'heir', 'is part of another'],
    ['an unlogged table', ['create unlogged table light (like plays)'], 'light', 'emptied by a crash'],
    [
      'an unlogged partition',
      [
        'create table mixed (like plays) partition by range (at)',
        'create unlogged table mixed_1 partition of mixed default',
      ],
      'mixed',
      'emptied by a crash',
    ],
    ['a view', ['create view seen as select * from plays'], 'seen', 'no table'],
    [
      'foreign partitions',
      [
        'create foreign data wrapper none',
        'create server far foreign data wrapper none',
        'create table wide (like plays) partition by range (at)',
        'create foreign table wide_1 partition of wide default server far',
      ],
      'wide',
      'foreign',
    ],
    [
      'row security',
      ['create table secret (like plays)', 'alter table secret enable row level security'],
      'secret',
      'row security',
    ],
  ])('refused as a source: %s', async (_what, statements, table, expected) => {
    await run(db, ...statements)
    expect(await refusal(rollupOf({ table, measures: [measure('n', 'count')] }))).toContain(expected)
  })

  test('row security is ignored where the declaration says so', async () => {
    await run(db, 'create table hidden (like plays)', 'alter table hidden enable row level security')
    await inspect(rollupOf({ table: 'hidden', rowSecurity: 'ignore' }))
  })

  test('the owner of a table, who is nothing more, can; one who may make no temporary table is told so', async () => {
    await run(
      db,
      `create role ${owner} login password 'secret'`,
      `create table mine (like plays)`,
      `alter table mine owner to ${owner}`,
    )
    const url = Object.assign(new URL(database.url), { username: owner, password: 'secret' }).href
    const other = openDb({ url, max: 1 })
    try {
      const look = async (table: string): Promise<unknown> =>
        await other.withSession((session) => inspectSource(session, rollupOf({ table })))
      expect(await look('mine')).toMatchObject({ bucketType: 'timestamptz' })
      await expect(look('plays')).rejects.toThrow('belongs to another role')
      await run(db, `revoke temporary on database "${database.name}" from public`)
      await expect(look('mine')).rejects.toMatchObject({
        code: 'ROLLUP_IMPOSSIBLE',
        advice: `grant temporary on database "${database.name}" to "${owner}"`,
      })
    } finally {
      await other.close()
      await run(db, `grant temporary on database "${database.name}" to public`, 'drop table mine', `drop role ${owner}`)
    }
  })
})
