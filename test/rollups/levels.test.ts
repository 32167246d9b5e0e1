// Levels: the same rollup by coarser buckets. Each view is what a recompute gives at once, each table what is merged, added up,
// whatever is done to the table and to the rollup.

import { expect, test } from 'vitest'
import { isStrataError } from '../../src/base/errors.ts'
import { systemClock } from '../../src/base/clock.ts'
import type { Db } from '../../src/db/db.ts'
import { captureFunctions } from '../../src/rollups/capture/capture.ts'
import { forgetGone } from '../../src/rollups/merge/forget.ts'
import { inspectSource } from '../../src/rollups/declared/inspect.ts'
import { mergeRollup, rebuildRange } from '../../src/rollups/merge/merge.ts'
import type { Rollup } from '../../src/rollups/model/options.ts'
import type { Shape } from '../../src/rollups/model/shape.ts'
import { verifyRollup } from '../../src/rollups/merge/verify.ts'
import { sql } from '../../src/sql/sql.ts'
import { describeOnEachVersion } from '../support/postgres.ts'
import { expectLevels, install, levelDifferencesText, measure, patience, rollupOf, run } from './support.ts'

const measures = [
  measure('plays', 'count'),
  measure('earned', 'sum', { of: 'amount' }),
  measure('mean', 'avg', { of: 'amount', filter: 'amount > 1' }),
  measure('best', 'max', { of: 'amount' }),
  measure('different', 'countDistinct', { of: 'amount' }),
]
const inBerlin: Partial<Rollup> = {
  bucket: { column: 'at', span: { unit: 'hour', count: 1 }, zone: 'Europe/Berlin' },
  by: ['Song Id'],
  measures,
  levels: ['day', 'week', 'month'],
}

async function createPlays(db: Db): Promise<void> {
  await run(
    db,
    'drop schema public cascade',
    'create schema public',
    'drop schema if exists pgstrata cascade',
    'create table plays ("Song Id" int, at timestamptz not null, amount numeric) partition by range (at)',
    `create table plays_1 partition of plays for values from ('2026-01-01 00:00Z') to ('2026-03-29 10:30Z')`,
    `create table plays_2 partition of plays for values from ('2026-03-29 10:30Z') to ('2027-01-01 00:00Z')`,
  )
}

/** Of a month in which a day has 23 hours. */
const many = `insert into plays select nullif(n % 3, 0), '2026-03-20 00:20Z'::timestamptz + n * interval '47 minutes', n % 4 from generate_series(0, 600) as n`

describeOnEachVersion('levels', (_version, database) => {
  async function prepare(said: Partial<Rollup> = {}): Promise<{ readonly db: Db; readonly shape: Shape }> {
    const { db } = database()
    await createPlays(db)
    const [shape] = await install(db, [rollupOf({ ...inBerlin, ...said })])
    expect.assert(shape !== undefined)
    return { db, shape: { ...shape, outputs: shape.outputs.filter(({ name }) => name !== 'different') } }
  }

  test('say at once, in the transaction itself, what a recompute says; and after a merge', async () => {
    const { db, shape } = await prepare()
    const changes = [
      many,
      `insert into plays values (1, '2026-03-29 00:10Z', 100), (1, '2026-01-05', 7)`,
      `update plays set amount = 9 where amount = 1`,
      // Within a day, and out of it.
      `update plays set at = at + interval '1 hour' where "Song Id" = 2`,
      `update plays set at = at + interval '40 days' where "Song Id" is null`,
      `delete from plays where amount = 2`,
      'truncate plays_1',
      'truncate plays',
    ]
    await db.withSession(async (session) => {
      for (const change of changes) {
        await run(session, 'begin', change)
        await expectLevels(session, shape)
        await run(session, 'commit')
        await mergeRollup(session, shape, patience)
        await expectLevels(session, shape)
      }
      const { rows } = await session.query(sql`select count(*)::int as rows from song_plays_month_merged`)
      expect(rows).toEqual([{ rows: 0 }])
    })
  })

  test('have the additive measures, under their names', async () => {
    const { db } = await prepare()
    const { rows } = await db.query<{ name: string }>(sql`
      select attname::text as name from pg_attribute where attrelid = 'song_plays_day'::regclass order by attnum`)
    expect(rows.map(({ name }) => name)).toEqual(['bucket', 'Song Id', 'plays', 'earned', 'mean'])
  })

  test('cost writers nothing: what is captured is the same without them', async () => {
    const { shape } = await prepare()
    const { levels, ...without } = shape
    expect(levels?.map(({ unit }) => unit)).toEqual(['day', 'week', 'month'])
    expect(captureFunctions(shape.rollup, [shape])).toEqual(captureFunctions(shape.rollup, [without]))
  })

  test('are built anew with the range that is', async () => {
    const { db, shape } = await prepare()
    await run(db, many)
    await db.withSession(async (session) => {
      await mergeRollup(session, shape, patience)
      await run(session, 'set session_replication_role = replica', `update plays set amount = 50 where amount = 3`)
      await run(session, 'reset session_replication_role', `delete from plays where "Song Id" = 2`)
      await rebuildRange(session, shape, { from: '2026-03-29 12:00Z', to: undefined }, patience)
      for (const unit of ['day', 'month'] as const) {
        expect((await session.query(sql.raw(levelDifferencesText(shape, unit)))).rows).toEqual([])
      }
      await rebuildRange(session, shape, { from: undefined, to: '2026-03-29 12:00Z' }, patience)
      await expectLevels(session, shape)
    })
  })

  test('forget with the rollup', async () => {
    const { db, shape } = await prepare({ retention: 'forget' })
    await run(db, many)
    await db.withSession(async (session) => {
      await mergeRollup(session, shape, patience)
      await run(session, 'drop table plays_1')
      expect(await forgetGone(session, shape, patience)).toBe(true)
      for (const unit of ['day', 'week', 'month'] as const) {
        expect((await session.query(sql.raw(levelDifferencesText(shape, unit)))).rows).toEqual([])
      }
      const { rows } = await session.query(sql`
        select (min(bucket) at time zone 'Europe/Berlin')::text as bucket from song_plays_day`)
      expect(rows).toEqual([{ bucket: '2026-03-29 00:00:00' }])
    })
  })

  test('a difference is found, and built anew', async () => {
    const { db, shape } = await prepare()
    await run(db, many)
    await db.withSession(async (session) => {
      await mergeRollup(session, shape, patience)
      const options = { fix: false, floor: 'none', ...patience, clock: systemClock } as const
      expect(await verifyRollup(session, shape, options)).toMatchObject({ different: 0, levels: 0 })
      await run(
        session,
        `update song_plays_day_merged set row_count = row_count + 1 where bucket = '2026-03-28 23:00Z' and "Song Id" = 1`,
        `delete from song_plays_month_merged where "Song Id" = 2`,
      )
      expect(await verifyRollup(session, shape, options)).toMatchObject({ different: 0, levels: 3 })
      expect(await verifyRollup(session, shape, { ...options, fix: true })).toMatchObject({ levels: 3 })
      expect(await verifyRollup(session, shape, options)).toMatchObject({ levels: 0 })
      await expectLevels(session, shape)
    })
  })

  test('of columns without a zone and of dates', async () => {
    const { db } = database()
    await createPlays(db)
    await run(
      db,
      'drop table plays',
      'create table plays (song int, at timestamptz not null, amount numeric, local timestamp not null, day date not null)',
    )
    const base = { measures: [measure('plays', 'count')], by: ['song'] } as const
    const shapes = await install(db, [
      rollupOf({
        ...base,
        name: 'by_local',
        bucket: { column: 'local', span: { unit: 'minute', count: 15 }, zone: 'UTC' },
        levels: ['hour', 'day', 'quarter'],
      }),
      rollupOf({
        ...base,
        name: 'by_date',
        bucket: { column: 'day', span: { unit: 'day', count: 1 }, zone: 'UTC' },
        levels: ['week', 'month', 'year'],
      }),
    ])
    await run(
      db,
      `insert into plays select n % 3, now(), n, '2026-01-01'::timestamp + n * interval '7 hours', '2026-01-01'::date + n from generate_series(0, 300) as n`,
      `insert into plays values (1, now(), 1, 'infinity', '-infinity')`,
    )
    await db.withSession(async (session) => {
      for (const shape of shapes) {
        await expectLevels(session, shape)
        await mergeRollup(session, shape, patience)
        await expectLevels(session, shape)
      }
    })
  })

  const hours = (count: number, zone: string): Partial<Rollup> => ({
    bucket: { column: 'at', span: { unit: 'hour', count }, zone },
  })
  const refused: readonly [string, Partial<Rollup>, RegExp][] = [
    ['without a bucket', { bucket: undefined, levels: ['day'] }, /by day: it has no bucket/],
    ['twice', { levels: ['day', 'day'] }, /level "day" is declared twice/],
    ['as fine as the bucket', { levels: ['hour'] }, /by hour: that is its bucket/],
    ['finer than the bucket', { ...hours(6, 'UTC'), levels: ['hour'] }, /by hour: its bucket is 6 hours/],
    [
      'in which weeks do not lie',
      { bucket: { column: 'at', span: { unit: 'week', count: 1 }, zone: 'UTC' }, levels: ['month'] },
      /a week can lie in two/,
    ],
    [
      'that begin within a bucket where clocks are put forward by half an hour',
      { ...hours(2, 'Australia/Lord_Howe'), levels: ['day'] },
      /a day of zone 'Australia\/Lord_Howe' may begin within a bucket of 2 hours/,
    ],
    ['of nothing that can be added up', { measures: [measure('best', 'max', { of: 'amount' })] }, /added up/],
    ['with a name too long for them', { name: 'x'.repeat(52) }, /no name for it/],
  ]
  test.each(refused)('are refused %s', async (_what, said, message) => {
    const { db } = database()
    await createPlays(db)
    const rollup = rollupOf({ ...inBerlin, ...said })
    const error = await db.withSession((session) => inspectSource(session, rollup)).catch((caught: unknown) => caught)
    expect.assert(isStrataError(error, 'ROLLUP_IMPOSSIBLE'), String(error))
    expect(error.message).toMatch(message)
  })
})
