// Plain views over rollups: made when the rollup can be read, and carried through every change of it.

import { describe, expect, test } from 'vitest'
import type { StrataConfig } from '../../src/config/shape.ts'
import type { Strata } from '../../src/strata.ts'
import { versions } from '../support/postgres.ts'
import { openBench, type Bench } from './support.ts'

type Rollups = NonNullable<StrataConfig['rollups']>

const table =
  "create table plays (song int not null, at timestamptz not null, amount int not null, note text default repeat('x', 400))"
const rows = (count: number): string =>
  `insert into plays (song, at, amount) select n % 3, '2026-01-01Z'::timestamptz + n * interval '1 second', n % 10 from generate_series(1, ${count}) n`
/** Above what is filled at once. */
const many = 30_000

const rollup = (
  measures: Readonly<Record<string, unknown>>,
  more: Readonly<Record<string, unknown>> = {},
): Rollups => ({
  song_plays: { from: 'plays', time: 'at', bucket: '1 hour', by: ['song'], measures, totals: {}, ...more } as never,
})
const count = { plays: { kind: 'count' } }
const both = { ...count, amount: { kind: 'sum', of: 'amount' } }

const plain = (sql: string): { sql: string; materialized: false } => ({ sql, materialized: false })
const bySong = plain('select song, sum(plays)::int as plays from song_plays group by song')
const views = { a_best: plain('select song from by_song order by plays desc, song limit 1'), by_song: bySong }

async function isSettled(strata: Strata): Promise<void> {
  const { steps, drift, held } = await strata.plan()
  expect([steps.map(({ title }) => title), drift, held]).toEqual([[], [], []])
}

const oids = (bench: Bench): Promise<unknown> =>
  bench.rows(`select relname::text, oid from pg_class where relname in ('a_best', 'by_song') order by 1`)

describe.each(versions)('plain views over rollups on PostgreSQL %d', (version) => {
  test('are made by the apply that makes a small rollup, and go with it', async () => {
    const bench = await openBench(version)
    await bench.run(table, rows(10))
    const strata = bench.strata(views, { rollups: rollup(count) })
    expect((await strata.plan()).held).toMatchObject([
      { what: 'view by_song', why: 'it reads rollup song_plays, which is not made yet' },
      { what: 'view a_best', why: 'relation "by_song" does not exist' },
    ])
    await strata.apply()
    expect(await bench.rows('table a_best')).toEqual([{ song: 1 }])
    await isSettled(strata)
    // As fresh as what they read.
    await bench.run('insert into plays (song, at, amount) select 2, now(), 1 from generate_series(1, 5)')
    expect(await bench.rows('table a_best')).toEqual([{ song: 2 }])
    const kept = bench.strata(views)
    await kept.apply()
    expect((await kept.plan()).held).toEqual([
      {
        what: 'rollup song_plays',
        why: 'it is declared no more, and view public.by_song, view public.a_best read it',
        todo: 'drop them, or declare them no more; or declare it again',
      },
    ])
    const none = bench.strata({})
    await none.apply()
    await isSettled(none)
    expect(await oids(bench)).toEqual([])
  })

  test('wait for one that is to be filled, while the rest is applied', async () => {
    const bench = await openBench(version)
    await bench.run(table, rows(many))
    const strata = bench.strata({ ...views, other: plain('select 1 as one') }, { rollups: rollup(count) })
    await strata.apply()
    expect(await bench.rows('table other')).toEqual([{ one: 1 }])
    expect((await strata.plan()).held).toMatchObject([
      {
        what: 'view by_song',
        why: 'it reads rollup song_plays, which is still to be filled',
        todo: expect.stringContaining('pgstrata rollup fill song_plays'),
      },
      { what: 'view a_best' },
    ])
    expect(await strata.views.status('by_song')).toMatchObject([{ kind: 'plain', state: 'not applied', staleMs: null }])
    await strata.rollup.fill('song_plays')
    await strata.apply()
    expect(await bench.rows('table a_best')).toEqual([{ song: 0 }])
    await isSettled(strata)
    // A new measure is hidden until it is filled: the view stays as it is until then, and is read meanwhile.
    const wider = { ...views, by_song: plain(bySong.sql.replace(' from', ', sum(amount)::int as amount from')) }
    const next = bench.strata(wider, { rollups: rollup(both) })
    await next.apply()
    expect(await bench.rows('select plays from by_song where song = 1')).toEqual([{ plays: 10_000 }])
    expect((await next.plan()).held).toMatchObject([
      { what: 'view by_song', why: 'it reads rollup song_plays, whose new measures are still to be filled' },
    ])
    await bench.run(`grant select on by_song to public`)
    await next.rollup.fill('song_plays')
    expect(await bench.rows('select plays from by_song where song = 1')).toEqual([{ plays: 10_000 }])
    await next.apply()
    expect(await bench.rows('select plays, amount from by_song where song = 1')).toEqual(
      await bench.rows('select count(*)::int as plays, sum(amount)::int as amount from plays where song = 1'),
    )
    expect(await bench.rows(`select has_table_privilege('public', 'by_song', 'select') as readable`)).toEqual([
      { readable: true },
    ])
    await isSettled(next)
  })

  test('go along with one that gets other measures, in the transaction that changes it', async () => {
    const bench = await openBench(version)
    await bench.run(table, rows(100))
    await bench.strata(views, { rollups: rollup(both) }).apply()
    const before = await oids(bench)
    // A measure goes, and another one comes that the view reads at once.
    const next = bench.strata(
      { ...views, by_song: plain(bySong.sql.replace(' from', ', max(latest) as latest from')) },
      { rollups: rollup({ ...count, latest: { kind: 'max', of: 'at' } }) },
    )
    const [step] = (await next.plan()).steps
    expect(step).toMatchObject({
      title: 'Rollups of table public.plays: change song_plays',
      changes: ['view public.by_song', 'view public.a_best'],
    })
    await next.apply()
    expect(await oids(bench)).not.toEqual(before)
    expect(await bench.rows('select latest from by_song where song = 1')).toEqual(
      await bench.rows('select max(at) as latest from plays where song = 1'),
    )
    expect(await bench.rows('table a_best')).toEqual([{ song: 1 }])
    await isSettled(next)
    // Changed by hand: nothing is touched before somebody decided.
    await bench.run('create or replace view a_best as select song from by_song where song = 7')
    const third = bench.strata(views, { rollups: rollup(count) })
    await expect(third.apply()).rejects.toThrow(/Changed by hand, and a step would touch it: view public.a_best/)
    await bench.run('create view of_others as select * from song_plays')
    expect((await third.plan()).held).toMatchObject([
      { what: 'rollup song_plays', why: expect.stringMatching(/kept, and view of_others read it$/) },
    ])
  })

  test('go along with one that is built anew beside and takes its place', async () => {
    const bench = await openBench(version)
    await bench.run(table, rows(100))
    await bench.strata(views, { rollups: rollup(count) }).apply()
    const strata = bench.strata(views, { rollups: rollup(count, { bucket: '1 day' }) })
    await strata.apply()
    await strata.rollup.fill('song_plays')
    await strata.apply()
    await isSettled(strata)
    expect(await bench.rows('select distinct bucket as at from song_plays')).toEqual([
      { at: new Date('2026-01-01T00:00:00Z') },
    ])
    expect(await bench.rows('table a_best')).toEqual([{ song: 1 }])
    await bench.run('insert into plays (song, at, amount) select 2, now(), 1 from generate_series(1, 5)')
    expect(await bench.rows('table a_best')).toEqual([{ song: 2 }])
  })

  test('that read rollups of two tables and go with all of them, or change with all of them, take one apply', async () => {
    const bench = await openBench(version)
    await bench.run(table, rows(100), 'create table visits (page int not null, at timestamptz not null)')
    await bench.run(`insert into visits select n % 2, now() from generate_series(1, 10) n`)
    const of = (from: string, key: string, names: Readonly<Record<string, string>>): never =>
      ({
        from,
        by: [key],
        measures: Object.fromEntries(Object.entries(names).map(([name, kind]) => [name, measureOf(kind)])),
      }) as never
    const measureOf = (kind: string): unknown => (kind === 'count' ? { kind } : { kind, of: 'at' })
    const by = (plays: string, days: string, visits: string): Record<string, ReturnType<typeof plain>> => ({
      stats: plain(
        `select (select sum(${plays}) from by_song)::int as plays, (select max(${days}) from by_day) is not null as days,
          (select sum(${visits}) from by_page)::int as visits`,
      ),
      over: plain('select plays + visits as both from stats'),
    })
    const first = {
      by_song: of('plays', 'song', { n: 'count' }),
      by_day: of('plays', 'amount', { latest: 'max' }),
      by_page: of('visits', 'page', { n: 'count' }),
    }
    await bench.strata(by('n', 'latest', 'n'), { rollups: first }).apply()
    expect(await bench.rows('table over')).toEqual([{ both: 110 }])
    // All that the view reads goes, and what it is to read comes.
    const second = bench.strata(by('plays', 'last', 'visits'), {
      rollups: {
        by_song: of('plays', 'song', { plays: 'count' }),
        by_day: of('plays', 'amount', { last: 'max' }),
        by_page: of('visits', 'page', { visits: 'count' }),
      },
    })
    expect((await second.plan()).held).toContainEqual({
      what: 'rollups of table public.visits',
      why: 'view public.stats, view public.over read rollups of another table too, which change first',
      todo: 'the same apply does it behind that',
      waits: true,
    })
    await second.apply()
    await isSettled(second)
    expect(await bench.rows('table over')).toEqual([{ both: 110 }])
    expect((await bench.rows('select plays from by_song limit 1')).length).toBe(1)
    await expect(bench.rows('select n from by_song')).rejects.toThrow('does not exist')
    const none = bench.strata({})
    expect((await none.plan()).held).toEqual([])
    await none.apply()
    await isSettled(none)
    expect(await bench.rows(`select from pg_class where relname ~ '^(by_|stats|over)'`)).toEqual([])
  })

  test('wait for a measure that is to be filled, while the one that they read stays until then', async () => {
    const bench = await openBench(version)
    await bench.run(table, rows(many))
    const seen = (name: string): typeof bySong =>
      plain(`select song, sum(${name})::int as total from song_plays_since('-infinity') group by song`)
    const before = bench.strata({ by_song: seen('amount') }, { rollups: rollup(both) })
    await before.apply()
    await before.rollup.fill('song_plays')
    await before.apply()
    const next = bench.strata(
      { by_song: seen('cost') },
      { rollups: rollup({ ...count, cost: { kind: 'sum', of: 'amount * 2' } }) },
    )
    const total = async (): Promise<unknown> => (await bench.rows('select sum(total)::int as total from by_song'))[0]
    const [old] = await bench.rows('select sum(amount)::int as total from plays')
    await next.apply()
    expect((await next.plan()).steps).toEqual([])
    expect((await next.plan()).held).toMatchObject([
      {
        what: 'rollup song_plays',
        why: 'it is declared in another way than it is kept, and view public.by_song reads amount, which it would have no more',
        waits: true,
      },
      { what: 'view by_song', waits: true },
    ])
    expect(await total()).toEqual(old)
    await next.rollup.fill('song_plays')
    await next.apply()
    await isSettled(next)
    expect(await total()).toEqual({ total: 2 * Number(old?.['total']) })
    await expect(bench.rows('select amount from song_plays')).rejects.toThrow('does not exist')
  })

  test('that read what is declared no more hold the rollup back, by its columns, totals and functions', async () => {
    const bench = await openBench(version)
    await bench.run(table, rows(100))
    const reading = {
      by_song: plain('select amount from song_plays_ever'),
      of_all: plain('select s.amount from song_plays_since(now()) s'),
      other: plain('select plays as amount from song_plays'),
    }
    await bench.strata(reading, { rollups: rollup(both) }).apply()
    const next = bench.strata(reading, { rollups: rollup(count) })
    await next.apply()
    expect((await next.plan()).held).toEqual([
      {
        what: 'rollup song_plays',
        why: expect.stringMatching(
          /, and view public[.](by_song|of_all) reads amount, view public[.](by_song|of_all) reads amount, which it would have no more$/,
        ),
        todo: 'declare them otherwise, and apply; or declare them no more, apply, and declare them again',
      },
    ])
    const without = bench.strata({ other: reading.other }, { rollups: rollup(count) })
    await without.apply()
    await isSettled(without)
    await expect(bench.rows('select amount from song_plays')).rejects.toThrow('does not exist')
  })

  test('that read its functions read the same columns when it has more of them', async () => {
    const bench = await openBench(version)
    await bench.run(table, rows(many))
    const byFunction = {
      by_song: plain(`select song, sum(plays)::int as plays from song_plays_since('-infinity') group by song`),
    }
    for (const measures of [count, { amount: { kind: 'sum', of: 'amount' }, ...count }]) {
      const strata = bench.strata(byFunction, { rollups: rollup(measures) })
      await strata.apply()
      await strata.rollup.fill('song_plays')
      await strata.apply()
      expect(await bench.rows('table by_song order by song')).toEqual(
        await bench.rows('select song, count(*)::int as plays from plays group by song order by song'),
      )
      await isSettled(strata)
    }
  })
})
