// Sums, keys and buckets of every type, and names of every kind: the view is what a recompute says.

import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Db } from '../../src/db/db.ts'
import { mergeRollup, rebuildRange } from '../../src/rollups/merge/merge.ts'
import { sql } from '../../src/sql/sql.ts'
import { testDatabase, versions, type TestDatabase } from '../support/postgres.ts'
import { differences, install, measure, patience, rollupOf, run } from './support.ts'

describe.each(versions)('rollups of many types on PostgreSQL %d', (version) => {
  let database: TestDatabase
  let db: Db
  beforeAll(async () => {
    database = await testDatabase(version)
    db = database.db
    await run(
      db,
      `create domain euros as numeric(10, 2)`,
      `create domain cents as int`,
      `create type mood as enum ('good', 'bad')`,
      `create collation fold (provider = icu, locale = 'und-u-ks-level2', deterministic = false)`,
      `create table plays (song int not null, at timestamptz not null, day date not null, amount numeric, bounded numeric(10, 2), eur euros, cent cents, i2 int2, i8 int8, f4 float4, f8 float8, kind text)`,
    )
  })
  afterAll(async () => await database.close())

  test('sums of every type are what sum() and avg() say, also where they are odd', async () => {
    const of = ['amount', 'bounded', 'eur', 'cent', 'i2', 'song', 'i8']
    const floats = ['f4', 'f8']
    const measures = [
      ...of.flatMap((name) => [measure(`s_${name}`, 'sum', { of: name }), measure(`a_${name}`, 'avg', { of: name })]),
      ...floats.flatMap((name) => [
        measure(`s_${name}`, 'sum', { of: name, floats: true }),
        measure(`a_${name}`, 'avg', { of: name, floats: true }),
      ]),
      measure('n', 'count', { of: 'amount' }),
      measure('none', 'sum', { of: 'amount', filter: 'null' }),
    ]
    await run(db, 'create table odd (like plays)')
    const shapes = await install(db, [
      rollupOf({ name: 'odds', table: 'odd', bucket: undefined, by: ['kind'], measures }),
    ])
    const insert = (values: string): string =>
      `insert into odd (song, at, day, kind, amount, bounded, eur, cent, i2, i8, f4, f8) values ${values}`
    const statements = [
      insert(
        `(2147483647, now(), now(), 'a', 'NaN', 'NaN', 'NaN', 2147483647, 32767, 9223372036854775807, 'NaN', 'Infinity')`,
      ),
      insert(
        `(2147483647, now(), now(), 'a', 'Infinity', 1.25, 3, 2147483647, 32767, 9223372036854775807, 'Infinity', 'NaN'), (-5, now(), now(), 'b', '-Infinity', null, null, null, null, -9223372036854775808, '-Infinity', 2.5)`,
      ),
      insert(
        `(1, now(), now(), 'a', '-Infinity', 1.25, 3, 1, 1, 1, '-Infinity', 1), (1, now(), now(), null, null, null, null, null, null, null, null, null)`,
      ),
      `delete from odd where amount = 'NaN'`,
      `update odd set amount = 1.5, f4 = 0.25 where amount = '-Infinity' and kind = 'a'`,
      `update odd set f8 = '-Infinity'`,
      `delete from odd where kind = 'b'`,
    ]
    for (const statement of statements) {
      await run(db, statement)
      expect([statement, await differences(db, ...shapes)]).toEqual([statement, []])
    }
    for (const shape of shapes) await db.withSession((session) => mergeRollup(session, shape, patience))
    expect(await differences(db, ...shapes)).toEqual([])
  })

  test('keys of many types, and columns and tables of the oddest names', async () => {
    const long = 'é'.repeat(31)
    await run(
      db,
      `create schema "Some ""schema"`,
      `create table "Some ""schema"."Select" (new int, old int, tg_op text, new_rows text, old_rows int, change int, gone int, m int, excluded int, "odd ""name""" text, "${long}" int, "order" timestamp not null, tags text[], during tstzrange, mood mood, label text collate fold, docb jsonb)`,
    )
    const shapes = await install(db, [
      {
        ...rollupOf(),
        name: 'Group By',
        schema: 'Some "schema',
        table: 'Select',
        bucket: { column: 'order', span: { unit: 'minute', count: 15 }, zone: 'UTC' },
        by: [
          'new',
          'old',
          'tg_op',
          'new_rows',
          'change',
          'gone',
          'm',
          'excluded',
          'odd "name"',
          long,
          'tags',
          'during',
          'mood',
          'label',
          'docb',
        ],
        where: '"old_rows" is distinct from 7',
        measures: [
          measure('from', 'count'),
          measure('Limit "x"', 'sum', { of: 'new + "old" + excluded' }),
          measure('avg', 'avg', { of: '"odd ""name"""::int' }),
        ],
      },
    ])
    const table = `"Some ""schema"."Select"`
    const statements = [
      `insert into ${table} (new, old, tg_op, gone, "odd ""name""", "order", tags, mood, label, "${long}") values (1, 2, 'INSERT', 5, '6', '2026-01-01 10:20', '{a}', 'good', 'A', 3), (null, null, null, null, null, '2026-01-01 10:29', null, null, 'a', null), (1, 2, 'INSERT', 5, '6', 'infinity', '{a}', 'good', 'a', 3)`,
      `insert into ${table} select * from ${table}`,
      `update ${table} set old_rows = 7 where new = 1 and "order" < 'infinity'`,
      `update ${table} set excluded = 1, label = 'A', tags = '{b}'`,
      `delete from ${table} where new is null`,
    ]
    for (const statement of statements) {
      await run(db, statement)
      expect([statement, await differences(db, ...shapes)]).toEqual([statement, []])
      for (const shape of shapes) await db.withSession((session) => mergeRollup(session, shape, patience))
      expect([statement, await differences(db, ...shapes)]).toEqual([statement, []])
    }
    for (const shape of shapes)
      await db.withSession((session) => rebuildRange(session, shape, { from: '2026-01-01', to: undefined }, patience))
    expect(await differences(db, ...shapes)).toEqual([])
  })

  test('buckets of several hours and minutes begin by the clock of the zone', async () => {
    const zones = [
      ['Asia/Kathmandu', 6, '2026-06-01 18:15:00+00'],
      ['UTC', 6, '2026-06-01 18:00:00+00'],
    ] as const
    for (const [index, [zone, count, expected]] of zones.entries()) {
      const name = `six_${index}`
      await run(db, `create table ${name}_of (at timestamptz not null)`)
      const shapes = await install(db, [
        rollupOf({
          name,
          table: `${name}_of`,
          by: [],
          bucket: { column: 'at', span: { unit: 'hour', count }, zone },
          measures: [measure('n', 'count')],
        }),
      ])
      await run(
        db,
        `insert into ${name}_of values ('2026-06-01 20:00+00'), ('infinity'), ('-infinity'), ('1000-01-01 BC')`,
      )
      const { rows } = await db.query(
        sql.raw(
          `select (bucket at time zone 'UTC')::text || '+00' as bucket from ${name} where bucket between '2020-01-01' and '2030-01-01'`,
        ),
      )
      expect(rows).toEqual([{ bucket: expected }])
      expect(await differences(db, ...shapes)).toEqual([])
    }
  })
})
