// Distinct values in totals: how many different ones there are, of all time and in windows that move on with the clock. What
// they must be is counted anew from the table itself, at the same instant.

import fc from 'fast-check'
import { expect, test } from 'vitest'
import { systemClock } from '../../src/base/clock.ts'
import type { Db, Session } from '../../src/db/db.ts'
import { rollupChanges, rollupMerging, rollupTables } from '../../src/catalog/schema/rollup-tables.ts'
import { mergeProcedure } from '../../src/rollups/merge/merge-procedure.ts'
import { mergeRollup, rebuildRange, removeBuckets } from '../../src/rollups/merge/merge.ts'
import type { Totals } from '../../src/rollups/model/options.ts'
import { insertRollup } from '../../src/rollups/kept/queries.ts'
import { createReader } from '../../src/rollups/read/reader.ts'
import type { Shape } from '../../src/rollups/model/shape.ts'
import { rebuildRollup, verifyRollup } from '../../src/rollups/merge/verify.ts'
import { sql } from '../../src/sql/sql.ts'
import { describeOnEachVersion } from '../support/postgres.ts'
import { checkProperty } from '../support/property.ts'
import { install, measure, patience, rollupOf, run } from './support.ts'

const perListener = '"plays_1 day" / nullif(listeners_7d, 0)'
const windows = [['1 day', 1] as const, ['7d', 7] as const]

const totals: Totals = {
  windows: windows.map(([name, count]) => ({ name, span: { unit: 'day', count } })),
  compute: [{ name: 'Per Listener', value: perListener }],
  index: [
    { column: 'listeners_7d', descending: true },
    { column: 'Per Listener', descending: true },
  ],
}

/** In a zone whose clocks are put forward, by a key of an odd name that may be null. */
const byHour = rollupOf({
  bucket: { column: 'at', span: { unit: 'hour', count: 1 }, zone: 'Europe/Berlin' },
  by: ['Song Id'],
  measures: [
    measure('plays', 'count'),
    measure('listeners', 'countDistinct', { of: 'listener', windows: true }),
    measure('alone', 'countDistinct', { of: 'listener' }),
    measure('Big "kinds"', 'countDistinct', { of: 'kind', filter: 'listener > 1', windows: true }),
  ],
  totals,
})

const byDay = rollupOf({
  ...byHour,
  name: 'all_days',
  bucket: { column: 'at', span: { unit: 'day', count: 1 }, zone: 'Europe/Berlin' },
  by: [],
  where: 'listener is distinct from 3',
  totals: { ...totals, index: [] },
})

/** All anew: each test has rollups of its own. */
async function createPlays(db: Db): Promise<void> {
  await run(
    db,
    'drop schema public cascade',
    'create schema public',
    'drop schema if exists pgstrata cascade',
    'create table plays ("Song Id" int, at timestamptz not null, listener int, kind text)',
    'create index on plays (at)',
  )
}

/** Over the rows of the table, at the instant `at`. */
function truthOf({ rollup }: Shape, instantText: string): string {
  const at = `(${instantText})`
  const cut = (instant: string): string =>
    `date_trunc('${rollup.bucket?.span.unit ?? ''}', ${instant}, 'Europe/Berlin')`
  const within = (days: number): string =>
    `${cut('at')} >= ${cut(`((${at} at time zone 'Europe/Berlin') - interval '${days} days') at time zone 'Europe/Berlin'`)} and ${cut('at')} <= ${cut(at)}`
  const columnsOf = (suffix: string, filter: string): readonly string[] => [
    `count(*) filter (where ${filter}) as "plays${suffix}"`,
    `count(distinct listener) filter (where ${filter}) as "listeners${suffix}"`,
    `count(distinct kind) filter (where listener > 1 and ${filter}) as "Big ""kinds""${suffix}"`,
  ]
  const values = [columnsOf('', 'true'), ...windows.map(([name, days]) => columnsOf(`_${name}`, within(days)))].flat()
  const keys = rollup.by.map((name) => `"${name}"`)
  const group = keys.length === 0 ? 'having count(*) > 0' : `group by ${keys.join(', ')}`
  const rows = `select ${[...keys, ...values].join(', ')} from plays where ${rollup.where ?? 'true'} ${group}`
  return `select *, ${perListener} as "Per Listener" from (${rows}) as one`
}

async function differencesAt(on: Db | Session, shape: Shape, at: string): Promise<readonly unknown[]> {
  const { rows } = await on.query(
    sql.raw(`with truth as materialized (${truthOf(shape, at)}), kept as materialized (select * from "${shape.rollup.name}_totals")
select 'kept' as of, to_jsonb(one) as row from (table kept except all table truth) as one
union all select 'truth', to_jsonb(one) from (table truth except all table kept) as one`),
  )
  return rows
}

/** What totals are counted by has nothing but what somebody has. */
async function expectNoneLeft(on: Db | Session, ...shapes: readonly Shape[]): Promise<void> {
  for (const { rollup } of shapes) {
    const { rows } = await on.query(sql.raw(`select * from pgstrata."${rollup.name}_listeners_totals" where n <= 0`))
    expect(rows).toEqual([])
  }
}

const checking = { fix: false, floor: 'none', ...patience, clock: systemClock } as const
const fixing = { ...checking, fix: true } as const

const instant = fc
  .integer({ min: 0, max: 16 * 24 })
  .map((hours) => `timestamptz '2026-03-20 00:20Z' + interval '${hours} hours'`)
const row = fc
  .tuple(
    fc.constantFrom('null', '1', '2'),
    instant,
    fc.constantFrom('null', '1', '2', '3', '4'),
    fc.constantFrom('null', `'a'`, `'b'`),
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
      .constantFrom('"Song Id" = 1', 'listener > 1', `kind = 'a'`)
      .map((where) => `delete from plays where ${where}`),
  },
  // The first changes values and nothing else.
  {
    weight: 3,
    arbitrary: fc.constantFrom(
      'update plays set listener = 5 - listener where "Song Id" = 2',
      `update plays set kind = 'c' where listener = 2`,
      `update plays set at = at + interval '5 days' where "Song Id" is null`,
      'update plays set "Song Id" = 1 where listener = 1',
    ),
  },
  { weight: 1, arbitrary: fc.constant('truncate plays') },
)

/** What happens before the next look, and what time it is then. */
const step = fc.record({
  statements: fc.array(statement, { maxLength: 3 }),
  at: instant,
  rebuilt: fc.option(fc.constantFrom('2026-03-25 00:00+01', '2026-03-31 00:00+02'), { freq: 4 }),
})

describeOnEachVersion('distinct values in totals', (_version, database) => {
  test('are, after each merge and whatever the clock does, what a recount at that instant gives', async () => {
    const { db } = database()
    await createPlays(db)
    const shapes = await install(db, [byHour, byDay])
    await db.withSession(async (session) => {
      await checkProperty(
        'distinct values under a moving clock',
        fc.array(step, { minLength: 2, maxLength: 6 }),
        async (steps) => {
          await run(session, 'delete from plays')
          for (const { statements, at, rebuilt } of steps) {
            await run(session, ...statements)
            for (const shape of shapes) {
              // Windows stay where they were: a rebuild is of what is merged.
              if (rebuilt !== null) await rebuildRange(session, shape, { from: rebuilt, to: undefined }, patience)
              await mergeRollup(session, shape, { ...patience, at })
              expect(await differencesAt(session, shape, at)).toEqual([])
              await expectNoneLeft(session, shape)
            }
          }
          for (const shape of shapes) expect(await verifyRollup(session, shape, checking)).toMatchObject({ totals: 0 })
        },
        { runs: 8 },
      )
    })
  })

  test('do not drift in weeks, edge by edge', async () => {
    const { db } = database()
    await createPlays(db)
    const [shape] = await install(db, [byHour])
    expect.assert(shape !== undefined)
    await run(
      db,
      `insert into plays select nullif(n % 5, 0), timestamptz '2026-03-01' + n * interval '41 minutes', n * n % 13, 'k' || n % 3 from generate_series(0, 1400) as n`,
    )
    await db.withSession(async (session) => {
      for (let hours = 0; hours < 24 * 48; hours += 29) {
        const at = `timestamptz '2026-03-01 00:10Z' + interval '${hours} hours'`
        await mergeRollup(session, shape, { ...patience, at })
        if (hours % 145 === 0) expect(await differencesAt(session, shape, at)).toEqual([])
      }
    })
  })

  test('pgstrata.merge() keeps them up, also where values alone change or nothing is pending', async () => {
    const { db } = database()
    await createPlays(db)
    const shapes = await install(db, [byHour, byDay])
    await run(
      db,
      ...rollupTables,
      ...rollupMerging,
      ...rollupChanges,
      ...shapes.map((shape) => insertRollup(shape, 'live')),
      mergeProcedure(shapes).create,
      `insert into plays select n % 3, now() - n * interval '1 hour', n % 17, 'k' || n % 4 from generate_series(0, 300) as n`,
    )
    const longAgo = `now() - interval '9 days'`
    const expectAll = async (at: string): Promise<void> => {
      for (const shape of shapes) expect(await differencesAt(db, shape, at)).toEqual([])
      await expectNoneLeft(db, ...shapes)
    }
    const putBack = async (): Promise<void> =>
      await db.withSession(async (session) => {
        for (const shape of shapes) await mergeRollup(session, shape, { ...patience, at: longAgo })
      })
    await putBack()
    await expectAll(longAgo)
    for (const text of [
      `insert into plays values (1, now() - interval '8 days', 99, 'late')`,
      'update plays set listener = listener + 1 where listener < 5',
      'delete from plays where "Song Id" = 2',
    ]) {
      await run(db, text, 'call pgstrata.merge()')
      await expectAll('now()')
    }
    await putBack()
    await run(db, 'call pgstrata.merge()')
    await expectAll('now()')
    await run(db, 'truncate plays', 'call pgstrata.merge()')
    await expectAll('now()')
    expect((await db.query(sql`select from pgstrata.song_plays_listeners_totals`)).rows).toEqual([])
  })

  test('go with buckets that are forgotten, and come again with a rebuild', async () => {
    const { db } = database()
    await createPlays(db)
    const shapes = await install(db, [byHour, byDay])
    await run(
      db,
      `insert into plays select n % 3, timestamptz '2026-03-20' + n * interval '1 hour', n / 10, 'k' || n / 40 from generate_series(0, 200) as n`,
    )
    const at = `timestamptz '2026-03-27 10:00Z'`
    const gone = `timestamptz '2026-03-24 00:00+01'`
    await db.withSession(async (session) => {
      for (const shape of shapes) await mergeRollup(session, shape, { ...patience, at })
      // What is pending goes with them.
      await run(session, 'update plays set listener = 77 where listener < 3 or listener > 12')
      for (const shape of shapes) {
        await removeBuckets(session, shape, { where: `bucket < ${gone}`, ...patience })
        await mergeRollup(session, shape, { ...patience, at })
      }
      await run(session, 'begin', `delete from plays where at < ${gone}`)
      for (const shape of shapes) expect(await differencesAt(session, shape, at)).toEqual([])
      await run(session, 'rollback')
      for (const shape of shapes) {
        await rebuildRollup(session, shape, checking)
        expect(await differencesAt(session, shape, at)).toEqual([])
      }
    })
  })

  test('that differ are found, and counted anew', async () => {
    const { db } = database()
    await createPlays(db)
    const [shape] = await install(db, [byHour])
    expect.assert(shape !== undefined)
    await run(
      db,
      `insert into plays select n % 4, now() - n * interval '5 hours', n % 7, 'k' || n % 3 from generate_series(0, 100) as n`,
    )
    await db.withSession(async (session) => {
      await mergeRollup(session, shape, patience)
      expect(await verifyRollup(session, shape, checking)).toMatchObject({ different: 0, totals: 0 })
      const wrongs: readonly (readonly [number, string])[] = [
        [1, 'update pgstrata.song_plays_totals set listeners_7d = listeners_7d + 1 where "Song Id" = 1'],
        [1, 'delete from pgstrata.song_plays_listeners_totals where "Song Id" = 2 and value = 3'],
        [1, 'update pgstrata.song_plays_listeners_totals set n = n + 1 where "Song Id" = 3'],
        [1, 'update pgstrata.song_plays_listeners_totals set n_7d = n_7d - 1 where "Song Id" = 3 and value = 2'],
        [1, 'insert into pgstrata.song_plays_listeners_totals select 0, 77, 1, 0, 0, 0, 0, 0'],
        [4, 'delete from pgstrata."song_plays_Big ""kinds""_totals"'],
      ]
      for (const [keys, wrong] of wrongs) {
        await run(session, wrong)
        expect([wrong, await verifyRollup(session, shape, checking)]).toMatchObject([
          wrong,
          { different: 0, totals: keys },
        ])
        expect(await verifyRollup(session, shape, fixing)).toMatchObject({ totals: keys })
        expect(await verifyRollup(session, shape, checking)).toMatchObject({ totals: 0 })
        expect(await differencesAt(session, shape, 'now()')).toEqual([])
      }
      // What triggers did not see goes into them with the range that is mended.
      await run(
        session,
        'set session_replication_role = replica',
        'update plays set listener = 100 where "Song Id" = 1',
        'delete from plays where "Song Id" = 2',
        'reset session_replication_role',
      )
      expect((await verifyRollup(session, shape, fixing)).different).toBeGreaterThan(0)
      expect(await verifyRollup(session, shape, checking)).toMatchObject({ different: 0, totals: 0 })
      expect(await differencesAt(session, shape, 'now()')).toEqual([])
    })
  })

  test('the first twenty by them are the first twenty entries of an index', async () => {
    const { db } = database()
    await createPlays(db)
    const [shape] = await install(db, [byHour])
    expect.assert(shape !== undefined)
    await run(
      db,
      `insert into plays select n % 3000, now() - n * interval '1 second', n, 'k' from generate_series(0, 8999) as n`,
      `insert into plays select 7, now(), n, 'k' from generate_series(0, 9) as n`,
    )
    await db.withSession(async (session) => await mergeRollup(session, shape, patience))
    await run(db, 'analyze pgstrata.song_plays_totals')
    const reader = createReader<Declared>({ rollup: shape.rollup, shape, query: (one) => db.query(one) })
    const top = reader.totals().orderBy('listeners_7d', 'desc').limit(2)
    const plan = await db.query<{ 'QUERY PLAN': string }>(sql`explain ${await top.compile()}`)
    const text = plan.rows.map((one) => one['QUERY PLAN']).join('\n')
    expect(text).toMatch(/Index Scan using/)
    expect(text).not.toMatch(/Sort/)
    const [first]: readonly { listeners: string; listeners_7d: string }[] = await top
      .measures('listeners', 'listeners_7d')
      .rows()
    expect(first).toEqual({ 'Song Id': 7, listeners: '12', listeners_7d: '12' })
  })
})

interface Declared {
  readonly bucket: '1 hour'
  readonly by: readonly ['Song Id']
  readonly measures: {
    readonly plays: { readonly kind: 'count' }
    readonly listeners: { readonly kind: 'countDistinct'; readonly windows: true }
  }
  readonly totals: { readonly windows: { readonly '1 day': '1 day'; readonly '7d': '7 days' } }
}
