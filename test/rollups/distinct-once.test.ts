// Distinct values in totals of rollups without a bucket: kept once, and counted where they are kept. What they must be is counted
// anew from the table itself, with what is pending at every commit, and without after each merge.

import fc from 'fast-check'
import { expect, test } from 'vitest'
import { systemClock } from '../../src/base/clock.ts'
import type { Db, Session } from '../../src/db/db.ts'
import { mergeRollup, rebuildRange } from '../../src/rollups/merge/merge.ts'
import { rebuildRollup, verifyRollup } from '../../src/rollups/merge/verify.ts'
import type { Shape } from '../../src/rollups/model/shape.ts'
import { sql } from '../../src/sql/sql.ts'
import { describeOnEachVersion } from '../support/postgres.ts'
import { checkProperty } from '../support/property.ts'
import { everDifferencesText, install, measure, patience, rollupOf, run } from './support.ts'
import { differences } from './values-truth.ts'

const totals = {
  windows: [],
  compute: [{ name: 'Per Listener', value: 'plays / nullif(listeners, 0)' }],
  index: [{ column: 'listeners', descending: true }],
}

/** By keys of odd names that may be null, one of them what buckets are called by where there are some; `alone` and `usual` are in no totals. */
const bySong = rollupOf({
  bucket: undefined,
  by: ['Song Id', 'bucket'],
  measures: [
    measure('plays', 'count'),
    measure('earned', 'sum', { of: 'amount' }),
    measure('listeners', 'countDistinct', { of: 'listener', windows: true }),
    measure('alone', 'countDistinct', { of: 'listener' }),
    measure('usual', 'mode', { of: 'listener' }),
    measure('Big "places"', 'countDistinct', { of: 'place', filter: 'listener > 1', windows: true }),
  ],
  totals,
})

const everything = rollupOf({
  ...bySong,
  name: 'all_plays',
  by: [],
  where: 'listener is distinct from 3',
  totals: { ...totals, index: [] },
})

async function createPlays(db: Db): Promise<void> {
  await run(
    db,
    'drop schema public cascade',
    'create schema public',
    'drop schema if exists pgstrata cascade',
    'create table plays ("Song Id" int, bucket text, amount numeric, listener int, place text collate "C")',
  )
}

/** Of sums totals tell. */
function withoutSums(shape: Shape): Shape {
  const measures = shape.rollup.measures.filter(({ kind }) => kind !== 'sum')
  return { ...shape, rollup: { ...shape.rollup, measures } }
}

/** Views and totals with what is pending. */
async function expectExact(on: Db | Session, shapes: readonly Shape[]): Promise<void> {
  expect(await differences(on, ...shapes.map(withoutSums))).toEqual([])
  for (const shape of shapes) {
    expect((await on.query(sql.raw(everDifferencesText(shape)))).rows).toEqual([])
    expect(await valuesOff(on, shape)).toEqual([])
  }
}

/** `_values`, added up as its comment says, against the table. */
async function valuesOff(on: Db | Session, { rollup }: Shape): Promise<readonly unknown[]> {
  const keys = rollup.by.map((name) => `"${name}", `).join('')
  const groups = [...rollup.by, 'value'].map((_, place) => place + 1).join(', ')
  const kept = `select ${keys}value, sum(n)::bigint from ${rollup.name}_listeners_values group by ${groups} having sum(n) <> 0`
  const truth = `select ${keys}listener, count(*) from plays where listener is not null and (${rollup.where ?? 'true'}) group by ${groups}`
  const { rows } = await on.query(sql.raw(`(${kept} except all ${truth}) union all (${truth} except all ${kept})`))
  return rows
}

/** Totals alone, when nothing is pending. */
async function totalsOff(on: Db | Session, { rollup }: Shape): Promise<readonly unknown[]> {
  const keys = rollup.by.map((name) => `"${name}", `).join('')
  const group =
    rollup.by.length === 0 ? 'having count(*) > 0' : `group by ${rollup.by.map((name) => `"${name}"`).join(', ')}`
  const truth = `select ${keys}count(*), sum(amount), count(distinct listener), count(distinct place) filter (where listener > 1), count(*) / nullif(count(distinct listener), 0) from plays where ${rollup.where ?? 'true'} ${group}`
  const kept = `table ${rollup.name}_totals`
  const { rows } = await on.query(sql.raw(`(${kept} except all ${truth}) union all (${truth} except all ${kept})`))
  return rows
}

/** What nobody has is not kept. */
async function expectNoneLeft(on: Db | Session, { rollup }: Shape): Promise<void> {
  const table = `pgstrata."${rollup.name}_listeners_values"`
  expect((await on.query(sql.raw(`select * from ${table} where n <= 0`))).rows).toEqual([])
}

const row = fc
  .tuple(
    fc.constantFrom('null', '1', '2'),
    fc.constantFrom('null', `'a'`, `'b'`),
    fc.constantFrom('null', '0', '1.5', '-2'),
    fc.constantFrom('null', '1', '2', '3', '4'),
    fc.constantFrom('null', `'here'`, `'there'`),
  )
  .map((values) => `(${values.join(', ')})`)
const statement = fc.oneof(
  {
    weight: 4,
    arbitrary: fc
      .array(row, { minLength: 1, maxLength: 6 })
      .map((rows) => `insert into plays values ${rows.join(', ')}`),
  },
  {
    weight: 2,
    arbitrary: fc
      .constantFrom('"Song Id" = 1', 'listener > 1', `bucket = 'a'`, 'bucket is null')
      .map((where) => `delete from plays where ${where}`),
  },
  // The first changes values and nothing else.
  {
    weight: 3,
    arbitrary: fc.constantFrom(
      'update plays set listener = 5 - listener where "Song Id" = 2',
      `update plays set place = 'nowhere' where listener = 2`,
      `update plays set "Song Id" = 1, bucket = 'b' where "Song Id" is null`,
      'update plays set "Song Id" = null where listener = 1',
      'update plays set amount = 7',
    ),
  },
  { weight: 1, arbitrary: fc.constant('truncate plays') },
)
const then = fc.constantFrom('nothing', 'merge', 'merge', 'rebuild', 'roll back')

const checking = { fix: false, floor: 'none', ...patience, clock: systemClock } as const
const fixing = { ...checking, fix: true } as const

describeOnEachVersion('distinct values in totals without a bucket', (_version, database) => {
  test('are what a recount gives, pending and merged, whatever comes and goes', async () => {
    const { db } = database()
    await createPlays(db)
    const shapes = await install(db, [bySong, everything])
    await db.withSession(async (session) => {
      await checkProperty(
        'distinct values that are kept once',
        fc.array(fc.tuple(fc.array(statement, { minLength: 1, maxLength: 3 }), then), { minLength: 2, maxLength: 7 }),
        async (steps) => {
          await run(session, 'delete from plays')
          for (const [statements, what] of steps) {
            await run(session, 'begin', ...statements)
            await expectExact(session, shapes)
            await run(session, what === 'roll back' ? 'rollback' : 'commit')
            for (const shape of shapes) {
              if (what === 'rebuild') await rebuildRange(session, shape, { from: undefined, to: undefined }, patience)
              if (what === 'merge') await mergeRollup(session, shape, patience)
              if (what !== 'rebuild' && what !== 'merge') continue
              expect(await totalsOff(session, shape)).toEqual([])
              await expectNoneLeft(session, shape)
            }
            await expectExact(session, shapes)
          }
          for (const shape of shapes)
            expect(await verifyRollup(session, shape, checking)).toMatchObject({ different: 0, totals: 0 })
        },
        { runs: 15 },
      )
    })
  })

  test('have one table, and no other beside it', async () => {
    const { db } = database()
    await createPlays(db)
    await install(db, [bySong])
    const { rows } = await db.query<{ name: string }>(
      sql`select relname::text as name from pg_class where relname like 'song\_plays\_listeners%' and relkind = 'r' order by 1`,
    )
    expect(rows.map(({ name }) => name)).toEqual(['song_plays_listeners_values', 'song_plays_listeners_values_delta'])
  })

  test('that were changed by hand are found, and counted anew', async () => {
    const { db } = database()
    await createPlays(db)
    const [shape] = await install(db, [bySong])
    expect.assert(shape !== undefined)
    await run(
      db,
      `insert into plays select n % 4, 'k' || n % 2, n, n % 7, 'p' || n % 3 from generate_series(0, 100) as n`,
    )
    await db.withSession(async (session) => {
      await mergeRollup(session, shape, patience)
      expect(await verifyRollup(session, shape, checking)).toMatchObject({ different: 0, totals: 0 })
      const wrongs: readonly (readonly [text: string, different: number, totals: number])[] = [
        [`update pgstrata.song_plays_totals set listeners = listeners + 1 where "Song Id" = 1`, 0, 1],
        [`update pgstrata.song_plays_listeners_values set n = n + 1 where "Song Id" = 3 and value = 2`, 1, 0],
        [`delete from pgstrata.song_plays_listeners_values where "Song Id" = 2 and value = 3`, 1, 1],
        [`update pgstrata.song_plays_listeners_values set n = 0 where "Song Id" = 2 and value = 3`, 1, 1],
        [`insert into pgstrata.song_plays_listeners_values select 0, 'k0', 77, 1`, 1, 1],
        [`delete from pgstrata."song_plays_Big ""places""_values"`, 4, 4],
      ]
      for (const [wrong, different, off] of wrongs) {
        await run(session, wrong)
        const found = await verifyRollup(session, shape, checking)
        expect([wrong, found]).toMatchObject([wrong, { different, totals: off }])
        await verifyRollup(session, shape, fixing)
        expect(await verifyRollup(session, shape, checking)).toMatchObject({ different: 0, totals: 0 })
        expect(await totalsOff(session, shape)).toEqual([])
      }
      // What triggers did not see comes with what is mended.
      await run(
        session,
        'set session_replication_role = replica',
        'update plays set listener = 100 where "Song Id" = 1',
        'delete from plays where "Song Id" = 2',
        'reset session_replication_role',
      )
      expect((await verifyRollup(session, shape, fixing)).different).toBeGreaterThan(0)
      expect(await totalsOff(session, shape)).toEqual([])
      await run(session, 'delete from pgstrata.song_plays_totals', 'update song_plays_merged set row_count = 3')
      await rebuildRollup(session, shape, checking)
      expect(await totalsOff(session, shape)).toEqual([])
    })
  })
})
