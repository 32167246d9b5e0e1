// Which values can be counted, and what is refused; names and types of every kind; percentiles at their ends.

import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { isStrataError } from '../../src/base/errors.ts'
import { resolveConfig } from '../../src/config/index.ts'
import type { Db } from '../../src/db/db.ts'
import { inspectSource } from '../../src/rollups/declared/inspect.ts'
import { mergeRollup } from '../../src/rollups/merge/merge.ts'
import type { Measure, Rollup } from '../../src/rollups/model/options.ts'
import { createReader } from '../../src/rollups/read/reader.ts'
import { sql } from '../../src/sql/sql.ts'
import { testDatabase, versions, type TestDatabase } from '../support/postgres.ts'
import { checkProperty } from '../support/property.ts'
import { install, measure, patience, rollupOf, run } from './support.ts'
import { differences } from './values-truth.ts'

describe.each(versions)('measures of values on PostgreSQL %d', (version) => {
  let database: TestDatabase
  let db: Db
  beforeAll(async () => {
    database = await testDatabase(version)
    db = database.db
    await run(
      db,
      'create table plays (song int, at timestamptz not null, amount numeric, kind text, spot point, tags text[])',
    )
  })
  afterAll(async () => await database.close())

  test('have names of every kind, and types of every kind, under any search_path', async () => {
    await run(
      db,
      'create schema "Ext ""1"',
      'create extension citext schema "Ext ""1"',
      `create type mood as enum ('good', 'bad')`,
      'create domain cents as int',
      `create collation fold (provider = icu, locale = 'und-u-ks-level2', deterministic = false)`,
      `create table "Some "" table" ("Key "" 1" "Ext ""1".citext, summed text collate fold not null, "order" timestamp not null, m int, p int, members text, "Big ""Value" text, mood mood, cents cents, tags int[], f4 float4, doc jsonb)`,
    )
    const rollup = rollupOf({
      name: 'Odd " one',
      table: 'Some " table',
      bucket: { column: 'order', span: { unit: 'day', count: 1 }, zone: 'UTC' },
      by: ['Key " 1', 'summed', 'm', 'p', 'members'],
      where: 'm is distinct from 5',
      measures: [
        measure('plays', 'count'),
        measure('Dist "inct', 'countDistinct', { of: '"Big ""Value"' }),
        measure('moods', 'countDistinct', { of: 'mood' }),
        measure('tags of', 'countDistinct', { of: 'tags' }),
        measure('docs', 'countDistinct', { of: 'doc' }),
        measure('mode', 'mode', { of: 'cents' }),
        measure('value', 'topK', { of: 'mood', most: 1 }),
        measure('p', 'percentile', { of: 'f4', fraction: 0 }),
      ].map((one) => (one.name === 'p' ? { ...one, name: 'result' } : one)),
    })
    const [shape] = await install(db, [rollup])
    expect.assert(shape !== undefined)
    const insert = (values: string): string => `insert into "Some "" table" values ${values}`
    const statements = [
      insert(`('A', 'x', '2026-01-01', 1, null, 'k', 'v', 'good', 3, '{1,2}', 1.5, '{"a": 1}')`),
      insert(
        `('a', 'X', '2026-01-01', 1, null, 'k', 'w', 'bad', 3, '{1}', -2, '{"a": 1}'), (null, 'y', '2026-01-01', null, 2, null, 'v', null, null, '{}', 'NaN', null), ('a', 'x', '2026-01-02', 5, null, 'k', 'w', 'bad', 3, '{1}', -2, null)`,
      ),
      `update "Some "" table" set "Key "" 1" = 'B', f4 = f4 * 2 where mood = 'bad'`,
      `delete from "Some "" table" where "Big ""Value" = 'v'`,
    ]
    for (const statement of statements) {
      await run(db, statement)
      expect([statement, await differencesByCount(db)]).toEqual([statement, []])
    }
    await db.withSession((session) => mergeRollup(session, shape, patience))
    expect(await differencesByCount(db)).toEqual([])
    // What is kept of a key is called as it came first, and of its values as they came.
    for (const values of [
      `('C', 'x', '2026-01-05', 1, null, 'k', null, null, null, null, null, null)`,
      `('c', 'X', '2026-01-05', 1, null, 'k', 'v', 'good', 4, '{7}', 1, '[]')`,
    ]) {
      await run(db, insert(values))
      await db.withSession((session) => mergeRollup(session, shape, patience))
      expect([values, await differencesByCount(db)]).toEqual([values, []])
    }
    await run(db, `delete from "Some "" table" where "order" = '2026-01-05'`)
    const reader = createReader({ rollup, shape, query: (one) => db.query(one) })
    const [row] = (await reader.rows()) as unknown as Record<string, unknown>[]
    expect(row).toMatchObject({ plays: '1', 'Dist "inct': '1', 'tags of': '1', mode: 3, value: '{bad}' })
  })

  /** By what each key and value takes for equal, whichever of several equal ones is kept. */
  async function differencesByCount(on: Db): Promise<readonly unknown[]> {
    const keys = '"Key "" 1", summed, m, p, members, bucket'
    const kept = `select ${keys}, plays, "Dist ""inct", moods, "tags of", docs, mode::int from "Odd "" one"`
    const truth = `select ${keys.replace('bucket', `date_trunc('day', "order")`)}, count(*), count(distinct "Big ""Value"), count(distinct mood), count(distinct tags), count(distinct doc), mode() within group (order by cents)::int from "Some "" table" where m is distinct from 5 group by 1, 2, 3, 4, 5, 6`
    const { rows } = await on.query(
      sql.raw(`((${kept}) except all (${truth})) union all ((${truth}) except all (${kept}))`),
    )
    return rows
  }

  test('a percentile is as near as it says, of every kind of number', async () => {
    await run(db, 'create table numbers (kind int not null, i2 int2, i8 int8, amount numeric, f4 float4, f8 float8)')
    const fractions = [0, 0.5, 0.95, 1]
    const types = ['i2', 'i8', 'amount', 'f4', 'f8']
    const shapes = await install(
      db,
      [0.0001, 0.01, 0.5].map((error, place) =>
        rollupOf({
          name: `n${place}`,
          table: 'numbers',
          bucket: undefined,
          by: ['kind'],
          measures: types.flatMap((of) =>
            fractions.map((fraction) => measure(`${of}_${fraction}`, 'percentile', { of, fraction, error })),
          ),
        }),
      ),
    )
    const whole = fc.constantFrom(0, 1, -1, 32767, -32768, 2)
    const float = fc.oneof(
      fc.double({ noDefaultInfinity: true, noNaN: true, min: -1e30, max: 1e30 }),
      fc.constantFrom('NaN', 'Infinity', '-Infinity', '1e-30', 0, 1, 10, 100, -7),
    )
    const row = fc.tuple(
      whole,
      fc.oneof(whole, fc.constantFrom('9223372036854775807', '-9223372036854775808')),
      fc.oneof(float, fc.constantFrom('1e300', '-1e-300', '0.000')),
      fc.double({ noDefaultInfinity: true, noNaN: true, min: -1e30, max: 1e30 }),
      float,
    )
    await checkProperty(
      'percentiles',
      fc.array(row, { minLength: 1, maxLength: 12 }),
      async (rows) => {
        await run(db, 'delete from numbers')
        const values = rows.map((one) => `(1, ${one.map((value) => `'${value}'`).join(', ')})`).join(', ')
        await run(
          db,
          `insert into numbers select kind, i2::int2, i8::int8, amount::numeric, case when abs(f4::float8) < 1e-30 then 0 else f4::float4 end, case when f8 !~ 'N|I' and abs(f8::float8) < 1e-250 then 0 else f8::float8 end from (values ${values}) as v (kind, i2, i8, amount, f4, f8) where amount ~ 'N|I' or abs(amount::numeric) >= 1e-300 or amount::numeric = 0`,
        )
        expect(await differences(db, ...shapes)).toEqual([])
      },
      { runs: 25 },
    )
  })

  test('what lies beyond 1e300 and nearer to zero than 1e-300 is taken for these, and fails no statement', async () => {
    await run(db, 'create table far (amount numeric, f8 float8)')
    await install(db, [
      rollupOf({
        name: 'far_away',
        table: 'far',
        bucket: undefined,
        by: [],
        measures: [
          measure('most', 'percentile', { of: 'amount', fraction: 1 }),
          measure('least', 'percentile', { of: 'abs(f8)', fraction: 0 }),
        ],
      }),
    ])
    await run(db, `insert into far values (1e5000, 5e-324), (-1e-4000, 1)`)
    const { rows } = await db.query<{ most: number; least: number }>(sql`select most, least from far_away`)
    expect(rows[0]?.most).toBeCloseTo(1e300, -299)
    expect(rows[0]?.least).toBeGreaterThan(0)
    expect(rows[0]?.least).toBeLessThan(1.02e-300)
  })

  const ofKind = (kind: Measure['kind'], of: string, more: Partial<Measure> = {}): Partial<Rollup> => ({
    measures: [measure('x', kind, { of, ...more })],
  })
  test.each<[string, Partial<Rollup>, RegExp]>([
    ['of a type without an order', ofKind('countDistinct', 'spot'), /"x" cannot count its values/],
    ['of arrays, the most frequent', ofKind('mode', 'tags'), /"x" cannot count its values/],
    ['of arrays, the most frequent few', ofKind('topK', 'tags', { most: 2 }), /"x" cannot count its values/],
    [
      'percentiles of text',
      ofKind('percentile', 'kind', { fraction: 0.5 }),
      /"x" is a percentile of what are no numbers/,
    ],
    ['percentiles without a fraction', ofKind('percentile', 'amount'), /"x" says not which percentile/],
    [
      'a percentile that is never off',
      ofKind('percentile', 'amount', { fraction: 0.5, error: 0 }),
      /cannot be that exact/,
    ],
    ['a fraction beyond 1', ofKind('percentile', 'amount', { fraction: 95 }), /says not which percentile/],
    ['none of the most frequent', ofKind('topK', 'kind', { most: 0 }), /says not how many/],
    ['of what depends on who asks', ofKind('countDistinct', 'current_user'), /depends on more than the row/],
    ['of nothing', { measures: [measure('x', 'countDistinct')] }, /says not of what/],
    [
      'names that are too long together',
      { name: 'n'.repeat(40), measures: [measure('m'.repeat(10), 'countDistinct', { of: 'kind' })] },
      /is no name for it/,
    ],
    [
      'a key that is called like a column of theirs',
      { table: 'called', bucket: undefined, by: ['value'], ...ofKind('mode', 'n') },
      /"value" of the tables of its values would be both key "value" and the value/,
    ],
  ])('are refused: %s', async (_what, said, message) => {
    await run(db, 'create table if not exists called (value int, n int)')
    const error = await db
      .withSession((session) => inspectSource(session, rollupOf(said)))
      .catch((caught: unknown) => caught)
    expect.assert(isStrataError(error, 'ROLLUP_IMPOSSIBLE'), String(error))
    expect(error.message).toMatch(message)
  })
})

describe('rollups in one configuration', () => {
  const resolve = (rollups: object): unknown =>
    resolveConfig({ database: { primary: 'postgres://h/d' }, rollups }, { root: '/', name: 'pgstrata.config.ts' })

  test.each([
    ['values', { a: { b_c: 'countDistinct' }, a_b: { c: 'mode' } }],
    ['values and what another is called', { a: { b: 'countDistinct' }, a_b_values: { c: 'count' } }],
  ])('do not call two tables alike: %s', (_what, said) => {
    const rollups = Object.fromEntries(
      Object.entries(said).map(([name, measures]) => [
        name,
        {
          from: 'plays',
          measures: Object.fromEntries(Object.entries(measures).map(([one, kind]) => [one, { kind, of: 'x' }])),
        },
      ]),
    )
    expect(() => resolve(rollups)).toThrow(/rollups\.a_b\w*: rollup a has something called a_b/)
  })

  test.each([
    [{ kind: 'percentile', of: 'x' }, /fraction: expected which one/],
    [{ kind: 'topK', of: 'x' }, /most: expected how many/],
    [{ kind: 'countDistinct' }, /of: expected of what/],
    [{ kind: 'percentile', of: 'x', fraction: 2 }, /fraction/],
    [{ kind: 'countDistinct', of: 'x', windows: true }, /windows: expected `totals` beside it/],
  ])('say all that a measure needs: %j', (one, message) => {
    expect(() => resolve({ r: { from: 'plays', measures: { m: one } } })).toThrow(message)
  })
})
