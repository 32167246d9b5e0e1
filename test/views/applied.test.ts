// From a configuration to a materialized view that is read: planned, made with its data, adjusted, dropped when it is declared
// no more, and held back with the reason where that cannot be.

import { describe, expect, test } from 'vitest'
import { versions } from '../support/postgres.ts'
import { genreStats, openBench, plays } from './support.ts'

describe.each(versions)('applied views on PostgreSQL %d', (version) => {
  test('can be read as soon as they are applied, with their indexes, and a second plan finds nothing to do', async () => {
    const bench = await openBench(version)
    await bench.run(...plays)
    const strata = bench.strata({
      mv_genre_stats: { ...genreStats, indexes: [['plays']], tags: ['analytics'], refresh: '15 minutes' },
      // Reads the other, and is declared under a name that sorts before it.
      a_best: { sql: 'select genre from mv_genre_stats order by plays desc limit 1; -- the one' },
    })
    await strata.apply()
    expect(await bench.rows('select * from mv_genre_stats order by genre')).toEqual([
      { genre: 'jazz', plays: 1 },
      { genre: 'rock', plays: 3 },
    ])
    expect(await bench.rows('table a_best')).toEqual([{ genre: 'rock' }])
    expect(
      await bench.rows(
        `select indexname::text as name from pg_indexes where schemaname = 'public' and tablename = 'mv_genre_stats' order by 1`,
      ),
    ).toEqual([{ name: 'mv_genre_stats_genre_key' }, { name: 'mv_genre_stats_plays_idx' }])
    const again = await strata.plan()
    expect([again.steps, again.drift, again.held]).toEqual([[], [], []])
    const [best, stats] = await strata.views.status()
    expect(best).toMatchObject({
      name: 'a_best',
      state: 'live',
      rows: 1,
      how: 'plainly',
      dueAt: null,
      findings: [{ what: 'no unique index: readers wait while it is refreshed' }],
    })
    expect(stats).toMatchObject({ state: 'live', rows: 2, tags: ['analytics'], lastError: null, findings: [] })
    expect(stats?.dueAt?.getTime()).toBe((Math.floor((stats?.lastRefreshed?.getTime() ?? 0) / 900_000) + 1) * 900_000)
    expect(
      await bench.rows(
        "select name, rows::int, staleness < interval '1 hour' as fresh from pgstrata.view_freshness order by name",
      ),
    ).toEqual([
      { name: 'a_best', rows: 1, fresh: true },
      { name: 'mv_genre_stats', rows: 2, fresh: true },
    ])
  })

  test('of an empty table, with odd names, and of a rollup that the same apply makes', async () => {
    const bench = await openBench(version)
    await bench.run(
      'create schema "Odd ""one"""',
      'create table "Odd ""one"""."Ta ble" ("Gen\'re" text)',
      'create table plays (song int not null, at timestamptz not null)',
    )
    const name = `Mixed "quotes" and 'more'.${'x'.repeat(30)}`
    const strata = bench.strata(
      {
        [name]: {
          schema: 'Odd "one"',
          sql: `select "Gen're", count(*) as "N n" from "Odd ""one"""."Ta ble" group by 1`,
          unique: [`Gen're`],
          indexes: [['N n', `Gen're`]],
          tags: [`it's`],
        },
        by_song: { sql: 'select song, sum(plays)::int as plays from song_plays group by song', unique: ['song'] },
      },
      {
        rollups: {
          song_plays: {
            from: 'plays',
            time: 'at',
            bucket: '1 hour',
            by: ['song'],
            measures: { plays: { kind: 'count' } },
          },
        },
      },
    )
    await strata.apply()
    await bench.run(`insert into "Odd ""one"""."Ta ble" values ('a'), ('a')`, `insert into plays values (1, now())`)
    expect(await strata.views.refresh()).toMatchObject([
      { name, outcome: 'refreshed', how: 'concurrently', rows: 1 },
      { name: 'by_song', outcome: 'refreshed', how: 'concurrently', rows: 1 },
    ])
    await bench.run('insert into plays values (1, now())')
    expect(await bench.rows('select pgstrata.refresh_all_materialized_views() as n')).toEqual([{ n: 2 }])
    expect(await bench.rows('table by_song')).toEqual([{ song: 1, plays: 2 }])
  })

  test('indexes, tags and times follow the declaration without computing anything again', async () => {
    const bench = await openBench(version)
    await bench.run(...plays)
    await bench.apply({ stats: { ...genreStats, indexes: [['plays']] } })
    const [before] = await bench.rows(`select relfilenode from pg_class where relname = 'stats'`)
    const other = { ...genreStats, unique: ['genre', 'plays'], tags: ['new'], refresh: { cron: '0 3 * * *' } }
    const strata = await bench.apply({ stats: other })
    expect(await bench.rows(`select relfilenode from pg_class where relname = 'stats'`)).toEqual([before])
    expect(
      await bench.rows(
        `select indexname::text as name from pg_indexes where schemaname = 'public' and tablename = 'stats'`,
      ),
    ).toEqual([{ name: 'stats_genre_plays_key' }])
    expect((await bench.plan({ stats: other })).steps).toEqual([])
    expect(await strata.views.status('stats')).toMatchObject([{ state: 'live', tags: ['new'] }])
    const wrong = await bench.plan({ stats: { ...genreStats, unique: ['genres'] } })
    expect(wrong.held).toEqual([
      { what: 'view stats', why: 'it has no column genres', todo: 'name columns that it has: genre, plays' },
    ])
  })

  test('what is declared no more is dropped, readers before what they read; what others read is held', async () => {
    const bench = await openBench(version)
    await bench.run(...plays)
    await bench.apply({ stats: genreStats, z_best: { sql: 'select max(plays) as most from stats' } })
    await bench.run('create view of_others as select genre from stats')
    expect((await bench.plan({})).held).toEqual([
      {
        what: 'view stats',
        why: 'it is declared no more, and something reads it: view of_others',
        todo: 'drop that first, or declare it again',
      },
    ])
    await bench.run('drop view of_others')
    await bench.apply({})
    expect(await bench.rows(`select from pg_class where relkind = 'm'`)).toEqual([])
    expect(await bench.rows('table pgstrata.view')).toEqual([])
    expect(await bench.rows('select pgstrata.refresh_all_materialized_views() as n')).toEqual([{ n: 0 }])
  })

  test('one that somebody dropped is made again; what somebody put in its place is left alone', async () => {
    const bench = await openBench(version)
    await bench.run(...plays)
    const strata = await bench.apply({ stats: genreStats })
    await bench.run('drop materialized view stats')
    expect(await strata.views.status('stats')).toMatchObject([
      { state: 'missing', findings: [{ what: 'somebody dropped it' }] },
    ])
    expect(await strata.views.refresh()).toMatchObject([
      { outcome: 'failed', why: 'it is not there: run `pgstrata apply`' },
    ])
    await bench.apply({ stats: genreStats })
    expect(await bench.rows('select from stats')).toHaveLength(2)
    await bench.run('drop materialized view stats', 'create table stats (theirs int)')
    expect((await bench.plan({ stats: genreStats })).held).toMatchObject([
      { what: 'view stats', why: 'a table stands in its place' },
    ])
    await bench.apply({})
    expect(await bench.rows(`select relkind::text as kind from pg_class where relname = 'stats'`)).toEqual([
      { kind: 'r' },
    ])
  })

  test.each<[string, string, RegExp]>([
    ['no statement', '-- nothing', /not one statement/],
    ['two statements', 'select 1 as a; select 2 as b', /not one statement/],
    ['another statement', 'delete from plays returning 1', /not a SELECT/],
    ['select into', 'select 1 as a into b', /not a SELECT/],
    ['what does not parse', 'select from where', /syntax error/],
    ['a column that is not there', 'select nothing from plays', /column "nothing" does not exist/],
    ['a parameter', 'select $1::int as a', /parameter/],
    ['two columns of one name', 'select 1 as a, 2 as a', /specified more than once/],
  ])('held back with the reason: %s', async (_what, text, why) => {
    const bench = await openBench(version)
    await bench.run(...plays)
    const { held, steps } = await bench.plan({ wrong: { sql: text }, right: genreStats })
    expect(held).toMatchObject([{ what: 'view wrong', why: expect.stringMatching(why) }])
    expect(steps.some(({ title }) => title === 'Make materialized view public.right')).toBe(true)
    expect(await bench.rows(`select from pg_class where relkind = 'm'`)).toEqual([])
  })

  test("a relation of that name that is somebody else's is refused", async () => {
    const bench = await openBench(version)
    await bench.run(...plays, 'create materialized view stats as select 1 as theirs')
    expect((await bench.plan({ stats: genreStats })).held).toEqual([
      {
        what: 'view stats',
        why: "there is a materialized view public.stats, which is not pgstrata's",
        todo: 'rename or drop materialized view public.stats in a migration, or declare the view under another name',
      },
    ])
    await bench.apply({ stats: genreStats })
    expect(await bench.rows('table stats')).toEqual([{ theirs: 1 }])
  })

  test('views that wait for each other are held', async () => {
    const bench = await openBench(version)
    const { held } = await bench.plan({ a: { sql: 'select 1 as x', dependsOn: ['b'] }, b: { sql: 'select * from a' } })
    expect(held?.map(({ why }) => why)).toEqual(['a, b wait for each other', 'a, b wait for each other'])
  })
})
