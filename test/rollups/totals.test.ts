// Totals: one row for each key, of all time and in windows that move on with the clock. What they must be is computed anew
// from the table itself, at the same instant.

import fc from 'fast-check'
import { expect, test } from 'vitest'
import { isStrataError } from '../../src/base/errors.ts'
import type { Db, Session } from '../../src/db/db.ts'
import { inspectSource } from '../../src/rollups/declared/inspect.ts'
import { mergeRollup, rebuildRange } from '../../src/rollups/merge/merge.ts'
import { ensureInstalled } from '../../src/catalog/install.ts'
import { mergeProcedure } from '../../src/rollups/merge/merge-procedure.ts'
import type { Rollup, Totals } from '../../src/rollups/model/options.ts'
import { createReader } from '../../src/rollups/read/reader.ts'
import type { Shape } from '../../src/rollups/model/shape.ts'
import { verifyRollup } from '../../src/rollups/merge/verify.ts'
import { systemClock } from '../../src/base/clock.ts'
import { sql } from '../../src/sql/sql.ts'
import { describeOnEachVersion } from '../support/postgres.ts'
import { checkProperty } from '../support/property.ts'
import { install, measure, patience, rollupOf, run } from './support.ts'

const trending = '"plays_1 day" * 10 + (plays_7d - "plays_1 day") * 5 + coalesce(earned_30d, 0)'

const totals: Totals = {
  windows: [
    { name: '1 day', span: { unit: 'day', count: 1 } },
    { name: '7d', span: { unit: 'day', count: 7 } },
    { name: '30d', span: { unit: 'day', count: 30 } },
  ],
  compute: [{ name: 'Trending', value: trending }],
  index: [
    { column: 'Trending', descending: true },
    { column: 'earned', descending: false },
  ],
}

/** In a zone whose clocks are put forward and back, by a key of an odd name that may be null. */
const byHour = rollupOf({
  bucket: { column: 'at', span: { unit: 'hour', count: 1 }, zone: 'Europe/Berlin' },
  by: ['Song Id'],
  measures: [
    measure('plays', 'count'),
    measure('earned', 'sum', { of: 'amount' }),
    measure('mean', 'avg', { of: 'amount', filter: 'amount > 1' }),
  ],
  totals,
})

const byDay = rollupOf({
  ...byHour,
  name: 'all_days',
  bucket: { column: 'at', span: { unit: 'day', count: 1 }, zone: 'Europe/Berlin' },
  by: [],
  totals: { ...totals, index: [] },
})

/** All anew: each test has rollups of its own. */
async function createPlays(db: Db): Promise<void> {
  await run(
    db,
    'drop schema public cascade',
    'create schema public',
    'drop schema if exists pgstrata cascade',
    'create table plays ("Song Id" int, at timestamptz not null, amount numeric)',
    'create index on plays (at)',
  )
}

/** Over the rows of the table, at the instant `at`. */
function truthOf({ rollup }: Shape, instantText: string): string {
  const at = `(${instantText})`
  const unit = rollup.bucket?.span.unit ?? ''
  const cut = (instant: string): string => `date_trunc('${unit}', ${instant}, 'Europe/Berlin')`
  const since = (days: number): string =>
    cut(`((${at} at time zone 'Europe/Berlin') - interval '${days} days') at time zone 'Europe/Berlin'`)
  const within = (days: number): string =>
    `filter (where ${cut('at')} >= ${since(days)} and ${cut('at')} <= ${cut(at)})`
  const keys = rollup.by.map((name) => `"${name}"`)
  const values = [
    'count(*) as plays',
    'sum(amount) as earned',
    'avg(amount) filter (where amount > 1) as mean',
    ...[['1 day', 1] as const, ['7d', 7] as const, ['30d', 30] as const].flatMap(([name, days]) => [
      `count(*) ${within(days)} as "plays_${name}"`,
      `sum(amount) ${within(days)} as "earned_${name}"`,
      `avg(amount) filter (where amount > 1 and ${cut('at')} >= ${since(days)} and ${cut('at')} <= ${cut(at)}) as "mean_${name}"`,
    ]),
  ]
  const rows = `select ${[...keys, ...values].join(', ')} from plays${keys.length === 0 ? ' having count(*) > 0' : ` group by ${keys.join(', ')}`}`
  return `select *, ${trending} as "Trending" from (${rows}) as one`
}

async function differencesAt(on: Db | Session, shape: Shape, at: string): Promise<readonly unknown[]> {
  const view = `"${shape.rollup.name}_totals"`
  const { rows } = await on.query(
    sql.raw(`with truth as materialized (${truthOf(shape, at)}), kept as materialized (select * from ${view})
select 'kept' as of, to_jsonb(one) as row from (table kept except all table truth) as one
union all select 'truth', to_jsonb(one) from (table truth except all table kept) as one`),
  )
  return rows
}

const instant = fc
  .integer({ min: 0, max: 24 * 60 })
  .map((hours) => `timestamptz '2026-03-20 00:20Z' + interval '${hours} hours'`)
const row = fc
  .tuple(fc.constantFrom('null', '1', '2'), instant, fc.constantFrom('null', '1', '2.5', '-3'))
  .map(([song, at, amount]) => `(${song}, ${at}, ${amount})`)
const statement = fc.oneof(
  fc.array(row, { minLength: 1, maxLength: 5 }).map((rows) => `insert into plays values ${rows.join(', ')}`),
  fc.constantFrom('"Song Id" = 1', 'amount > 1', 'true').map((where) => `delete from plays where ${where}`),
  fc.constant(`update plays set at = at + interval '9 days', amount = 4 where "Song Id" is null`),
)

/** What happens before the next look, and what time it is then. */
const step = fc.record({
  statements: fc.array(statement, { maxLength: 3 }),
  at: instant,
  rebuilt: fc.option(fc.constantFrom('2026-03-25 00:00+01', '2026-04-20 00:00+02'), { freq: 4 }),
})

describeOnEachVersion('totals', (_version, database) => {
  test('are, after each merge and whatever the clock does, what a recompute at that instant gives', async () => {
    const { db } = database()
    await createPlays(db)
    const shapes = await install(db, [byHour, byDay])
    await db.withSession(async (session) => {
      await checkProperty(
        'totals under a moving clock',
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
            }
          }
        },
        { runs: 15 },
      )
    })
  })

  test('do not drift in a year, hour by hour', async () => {
    const { db } = database()
    await createPlays(db)
    const [shape] = await install(db, [byHour])
    expect.assert(shape !== undefined)
    await run(
      db,
      `insert into plays select nullif(n % 7, 0), timestamptz '2026-01-01' + n * interval '97 minutes', n % 11 + 0.1 from generate_series(0, 5400) as n`,
    )
    await db.withSession(async (session) => {
      // Every hour would be 8,760 merges: it is the edges that are passed one by one, by steps of no round length.
      for (let hours = 0; hours < 24 * 366; hours += 97) {
        const at = `timestamptz '2026-01-01 00:10Z' + interval '${hours} hours'`
        await mergeRollup(session, shape, { ...patience, at })
        if (hours % 485 === 0) expect(await differencesAt(session, shape, at)).toEqual([])
      }
    })
  })

  test('are written by no merge while no edge is passed and nothing is pending', async () => {
    const { db } = database()
    await createPlays(db)
    const [shape] = await install(db, [byHour])
    expect.assert(shape !== undefined)
    await run(db, `insert into plays values (1, '2026-03-20 10:30Z', 1)`)
    const place = async (): Promise<unknown> =>
      (await db.query(sql`select ctid::text, xmin::text from pgstrata.song_plays_totals`)).rows
    await db.withSession(async (session) => {
      await mergeRollup(session, shape, { ...patience, at: `timestamptz '2026-03-20 10:31Z'` })
      const before = await place()
      expect(await mergeRollup(session, shape, { ...patience, at: `timestamptz '2026-03-20 10:59Z'` })).toBe(0)
      expect(await place()).toEqual(before)
      await mergeRollup(session, shape, { ...patience, at: `timestamptz '2026-03-27 12:00Z'` })
      expect(await place()).not.toEqual(before)
      expect(
        (await db.query(sql`select plays::int, plays_7d::int, "plays_30d"::int from song_plays_totals`)).rows,
      ).toEqual([{ plays: 1, plays_7d: 0, plays_30d: 1 }])
    })
  })

  test('pgstrata.merge() moves windows on, also where nothing is pending', async () => {
    const { db } = database()
    await createPlays(db)
    await db.withSession((session) => ensureInstalled(session))
    const [shape] = await install(db, [byHour])
    expect.assert(shape !== undefined)
    await run(
      db,
      mergeProcedure([shape]).create,
      `insert into plays select n % 3, now() - n * interval '1 hour', 1 from generate_series(0, 800) as n`,
    )
    const longAgo = `now() - interval '70 days'`
    await db.withSession((session) => mergeRollup(session, shape, { ...patience, at: longAgo }))
    expect(await differencesAt(db, shape, longAgo)).toEqual([])
    await run(db, `insert into plays values (1, now() - interval '40 days', 1)`, 'call pgstrata.merge()')
    expect(await differencesAt(db, shape, 'now()')).toEqual([])
    await db.withSession((session) => mergeRollup(session, shape, { ...patience, at: longAgo }))
    await run(db, 'call pgstrata.merge()')
    expect(await differencesAt(db, shape, 'now()')).toEqual([])
  })

  test('a difference is found, and built anew', async () => {
    const { db } = database()
    await createPlays(db)
    const [shape] = await install(db, [byHour])
    expect.assert(shape !== undefined)
    await run(db, `insert into plays select n % 3, now() - n * interval '5 hours', 1 from generate_series(0, 300) as n`)
    await db.withSession(async (session) => {
      await mergeRollup(session, shape, patience)
      const options = { fix: false, floor: 'none', ...patience, clock: systemClock } as const
      expect(await verifyRollup(session, shape, options)).toMatchObject({ different: 0, totals: 0 })
      await run(session, 'update pgstrata.song_plays_totals set row_count_7d = row_count_7d + 1 where "Song Id" = 1')
      await run(session, 'delete from pgstrata.song_plays_totals where "Song Id" = 2')
      expect(await verifyRollup(session, shape, options)).toMatchObject({ different: 0, totals: 2 })
      expect(await verifyRollup(session, shape, { ...options, fix: true })).toMatchObject({ totals: 2 })
      expect(await verifyRollup(session, shape, options)).toMatchObject({ totals: 0 })
    })
  })

  test('the first twenty are the first twenty entries of an index', async () => {
    const { db } = database()
    await createPlays(db)
    const [shape] = await install(db, [byHour])
    expect.assert(shape !== undefined)
    await run(
      db,
      'create table songs (id int primary key, title text)',
      `insert into songs select n, 'song ' || n from generate_series(0, 4999) as n`,
      `insert into plays select n % 5000, now() - n * interval '1 minute', 1 from generate_series(0, 9999) as n`,
    )
    await db.withSession(async (session) => await mergeRollup(session, shape, patience))
    await run(db, 'analyze pgstrata.song_plays_totals')
    const reader = createReader<Declared>({ rollup: shape.rollup, shape, query: (one) => db.query(one) })
    const top = reader.totals().orderBy('Trending', 'desc').limit(3)
    const statement = await top.compile()
    const plan = await db.query<{ 'QUERY PLAN': string }>(sql`explain ${statement}`)
    const text = plan.rows.map((one) => one['QUERY PLAN']).join('\n')
    expect(text).toMatch(/Index Scan using/)
    expect(text).not.toMatch(/Sort/)
    const rows = await top
      .measures('plays', 'plays_7d', 'Trending')
      .join({ song: { table: 'songs', on: 'Song Id', columns: ['title'] } })
      .rows<{ 'Song Id': number; song_title: string }>()
    expect(rows[0]).toEqual({ 'Song Id': 0, plays: '2', plays_7d: '2', Trending: '17', song_title: 'song 0' })
    expect(
      await reader
        .totals()
        .where({ 'Song Id': [7, null] })
        .measures('plays')
        .rows(),
    ).toEqual([{ 'Song Id': 7, plays: '2' }])
  })

  const refused: readonly [what: string, said: Partial<Rollup>, message: RegExp][] = [
    ['without a bucket', { bucket: undefined, totals }, /without a bucket there is no window "1 day"/],
    [
      'of floating point numbers in windows',
      {
        measures: [measure('rate', 'sum', { of: 'amount::float8', floats: true })],
        totals: { ...totals, compute: [], index: [] },
      },
      /windows take away/,
    ],
    [
      'that divide by what may be nothing',
      { totals: { ...totals, compute: [{ name: 'share', value: 'plays_7d / plays_30d' }], index: [] } },
      /"share" fails for a key whose windows are empty/,
    ],
    [
      'of an unknown column',
      { totals: { ...totals, compute: [{ name: 'x', value: 'plays_8d' }], index: [] } },
      /"x" cannot be read/,
    ],
    [
      'that depend on the moment',
      { totals: { ...totals, compute: [{ name: 'x', value: 'plays * extract(epoch from now())' }], index: [] } },
      /depends on more than the row/,
    ],
    [
      'indexed by what is not there',
      { totals: { ...totals, index: [{ column: 'plays_9d', descending: true }] } },
      /no column "plays_9d" to index/,
    ],
    [
      'with two columns of one name',
      { totals: { ...totals, compute: [{ name: 'plays_7d', value: 'plays' }], index: [] } },
      /both measure "plays" of "7d" and "plays_7d", which is computed/,
    ],
  ]
  test.each(refused)('are refused %s', async (_what, said, message) => {
    const { db } = database()
    await createPlays(db)
    const rollup = { ...byHour, ...said }
    const error = await db.withSession((session) => inspectSource(session, rollup)).catch((caught: unknown) => caught)
    expect.assert(isStrataError(error, 'ROLLUP_IMPOSSIBLE'), String(error))
    expect(error.message).toMatch(message)
  })
})

interface Declared {
  readonly bucket: '1 hour'
  readonly by: readonly ['Song Id']
  readonly measures: {
    readonly plays: { readonly kind: 'count' }
    readonly earned: { readonly kind: 'sum' }
    readonly mean: { readonly kind: 'avg' }
  }
  readonly totals: {
    readonly windows: { readonly '1 day': '1 day'; readonly '7d': '7 days'; readonly '30d': '30 days' }
    readonly compute: { readonly Trending: string }
  }
}
