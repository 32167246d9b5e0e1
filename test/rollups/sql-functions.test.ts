// What SQL reads of a rollup at any instant, `_since` and `_between`, and of all time, `_ever`: inlined into the query that calls
// them, so that a condition on a key finds its rows by indexes and an instant prunes partitions; the same in every session; for
// whoever may read the table.

import { expect, test } from 'vitest'
import { mergeRollup } from '../../src/rollups/merge/merge.ts'
import { grantsOf } from '../../src/rollups/kept/grants.ts'
import type { Shape } from '../../src/rollups/model/shape.ts'
import { sql } from '../../src/sql/sql.ts'
import { sqlstateOf } from '../../src/sql/sqlstate.ts'
import { describeOnEachVersion, type TestDatabase } from '../support/postgres.ts'
import { everDifferencesText, install, measure, patience, rollupOf, run, sinceDifferencesText } from './support.ts'

const months = ['01', '02', '03', '04', '05', '06']
const plays = measure('plays', 'count')
const earned = measure('earned', 'sum', { of: 'amount' })
const listeners = measure('listeners', 'countDistinct', { of: 'listener', windows: true })
const best = measure('best', 'max', { of: 'amount' })
const totals = { windows: [], compute: [], index: [] }

const rollups = [
  rollupOf({ levels: ['day', 'month'], measures: [plays, earned, best, listeners], totals }),
  rollupOf({ name: 'hourly', measures: [plays, best, measure('newest', 'last', { of: 'amount' })] }),
  rollupOf({ name: 'everything', by: [], measures: [plays, listeners], totals }),
]

/** 300 songs in 15 albums, six months; two rows are not merged. */
async function prepare({ db }: TestDatabase): Promise<void> {
  await run(
    db,
    'create table plays (song int, at timestamptz not null, amount numeric, listener int) partition by range (at)',
    ...months.map(
      (month, index) =>
        `create table plays_${month} partition of plays for values from ('2026-${month}-01Z') to ('2026-${months[index + 1] ?? '07'}-01Z')`,
    ),
    'create table plays_later partition of plays for values from (now()) to (maxvalue)',
    'create index on plays (song, at)',
    'create table songs (song int primary key, album int)',
    'create index on songs (album)',
    'insert into songs select n, n / 20 from generate_series(0, 299) n',
    `insert into plays select n % 300, '2026-01-01Z'::timestamptz + n * interval '10 minutes', n % 7, n % 11 from generate_series(0, 26000) n`,
  )
  installed = await install(db, rollups)
  await db.withSession(async (session) => {
    for (const shape of installed) await mergeRollup(session, shape, patience)
  })
  await run(db, 'vacuum analyze', `insert into plays values (7, '2026-05-20 12:00Z', 5, 99), (7, now(), 5, 3)`)
}

let installed: readonly Shape[] = []

interface Node {
  readonly 'Node Type': string
  readonly 'Relation Name'?: string
  readonly 'Actual Loops': number
  readonly Plans?: readonly Node[]
}

async function nodesOf({ db }: TestDatabase, query: string): Promise<readonly Node[]> {
  const { rows } = await db.query<{ 'QUERY PLAN': readonly { Plan: Node }[] }>(
    sql.raw(`explain (analyze, costs off, timing off, format json) ${query}`),
  )
  const walk = (node: Node): readonly Node[] => [node, ...(node.Plans ?? []).flatMap(walk)]
  return rows.flatMap((row) => row['QUERY PLAN'].flatMap(({ Plan }) => walk(Plan)))
}

const lateral = (read: string): string =>
  `select s.song, p.* from songs as s left join lateral (select * from ${read} as p where p.song = s.song offset 0) as p on true where s.album = 3`
const scalar = (read: string): string =>
  `select s.song, (select plays from ${read} as p where p.song = s.song) from songs as s where s.album = 3`
const joined = (read: string): string =>
  `select s.song, p.plays from songs as s left join ${read} as p on p.song = s.song where s.song = 7`
const one = (read: string): string => `select * from ${read} where song = 7`

describeOnEachVersion(
  'a rollup from SQL',
  (_version, database) => {
    const rowsOf = async (query: string): Promise<readonly object[]> => (await database().db.query(sql.raw(query))).rows

    test.each(
      [
        `song_plays_since('2026-01-20 10:20Z')`,
        `song_plays_between('2026-01-20 10:20Z', '2026-05-20 13:20Z')`,
        `hourly_since(now() - interval '7 days')`,
        'song_plays_ever',
      ].flatMap((read) => [one(read), joined(read), lateral(read), scalar(read)]),
    )('finds keys by indexes: %s', async (query) => {
      const nodes = await nodesOf(database(), query)
      expect(nodes.map((node) => node['Node Type'])).not.toContain('Function Scan')
      const read = nodes.filter((node) => node['Node Type'] === 'Seq Scan' && node['Actual Loops'] > 0)
      // What is pending has no index, and is short.
      const others = read.flatMap((node) => node['Relation Name'] ?? []).filter((name) => !/^songs$|_delta$/.test(name))
      expect(others).toEqual([])
      expect(nodes.filter((node) => node['Node Type'].startsWith('Index')).length).toBeGreaterThan(0)
    })

    test.each([
      [`song_plays_between('2026-02-10 10:10Z', '2026-04-10 10:10Z')`, ['plays_02', 'plays_04']],
      [`hourly_since(now() - interval '7 days')`, []],
      [`song_plays_since(timestamptz '2026-02-10 10:10Z' + (now() - now()))`, ['plays_02']],
    ])('looks at the partitions that are cut: %s', async (read, expected) => {
      const nodes = await nodesOf(database(), `select * from ${read}`)
      const cut = nodes.flatMap((node) => (node['Actual Loops'] > 0 ? (node['Relation Name'] ?? []) : []))
      expect(cut.filter((name) => /^plays_\d/.test(name)).toSorted()).toEqual(expected)
    })

    test('takes any instant, infinities among them, and of null nothing', async () => {
      const { db } = database()
      for (const shape of installed) {
        for (const end of [`'-infinity'`, `'infinity'`, `'2026-05-20 12:00Z'`, 'now()'])
          expect((await db.query(sql.raw(sinceDifferencesText(shape, `(${end})::timestamptz`)))).rows).toEqual([])
      }
      expect(await rowsOf('select * from song_plays_since(null)')).toEqual([])
      expect(await rowsOf('select * from everything_since(null)')).toEqual([])
      expect(await rowsOf(`select * from song_plays_between('infinity', '-infinity')`)).toEqual([])
      const counted = await rowsOf(`select plays from everything_between('-infinity', 'infinity')`)
      expect(counted).toEqual(await rowsOf('select count(*) as plays from plays'))
    })

    test('of all time is exact, with what is pending', async () => {
      const { db } = database()
      for (const shape of installed.filter((each) => each.totals !== undefined))
        expect((await db.query(sql.raw(everDifferencesText(shape)))).rows).toEqual([])
      expect(await rowsOf('select plays, listeners from song_plays_ever where song = 7')).toEqual(
        await rowsOf('select count(*) as plays, count(distinct listener) as listeners from plays where song = 7'),
      )
      expect(await rowsOf('select plays, listeners from song_plays_totals where song = 7')).not.toEqual(
        await rowsOf('select plays, listeners from song_plays_ever where song = 7'),
      )
    })

    test('gives the measures that can be had for one key, and no more', async () => {
      const columnsOf = async (read: string): Promise<readonly string[]> =>
        (await database().db.query(sql.raw(`select * from ${read} limit 1`))).rows.flatMap((row) => Object.keys(row))
      expect(await columnsOf(`song_plays_since('-infinity')`)).toEqual(['song', 'plays', 'earned'])
      expect(await columnsOf(`hourly_since('-infinity')`)).toEqual(['song', 'plays', 'best', 'newest'])
      expect(await columnsOf('song_plays_ever')).toEqual(['song', 'plays', 'earned', 'listeners'])
      expect(await columnsOf('everything_ever')).toEqual(['plays', 'listeners'])
    })

    test('depends on no zone of the session, nor on its search_path, and is read by a view like a table', async () => {
      const { db } = database()
      await run(
        db,
        `create view lately as select s.song, w.plays from songs as s left join lateral (select plays from public.song_plays_since(timestamptz '2026-03-10 10:10Z') as w where w.song = s.song offset 0) as w on true`,
      )
      const answers: unknown[] = []
      for (const settings of [
        `set timezone = 'UTC'`,
        `set timezone = 'Pacific/Apia'; set datestyle = 'ISO, DMY'; set search_path = ''`,
      ]) {
        await db.withSession(async (session) => {
          await run(session, settings)
          const { rows } = await session.query(
            sql`select * from public.lately where song < 20 union all select song, plays from public.song_plays_ever order by 1, 2`,
          )
          answers.push(rows)
          await run(session, 'reset all')
        })
      }
      expect(answers[1]).toEqual(answers[0])
      expect(answers[0]).toHaveLength(320)
      await run(db, 'drop view lately')
    })

    test('is for whoever may read the table', async () => {
      const { db } = database()
      const [reader, stranger] = ['reader', 'stranger'].map((name) => `${name}_of_${database().name}`)
      await run(db, `create role ${reader}`, `create role ${stranger}`, `grant select on plays to ${reader}`)
      for (const shape of installed) await run(db, ...(await grantsOf(db, shape)))
      await run(
        db,
        `create view through as select * from song_plays_since('2026-05-20Z')`,
        `grant select on through to ${stranger}`,
      )
      const reads = [
        'through',
        `song_plays_since('2026-05-20Z')`,
        `hourly_between('2026-05-20Z', now())`,
        'song_plays_ever',
      ]
      for (const role of [reader, stranger]) {
        for (const read of reads) {
          const found = await db.withSession(async (session) => {
            await run(session, `set role ${role}`)
            try {
              return (await session.query(sql.raw(`select count(*) > 0 as there from ${read}`))).rows
            } catch (error) {
              return sqlstateOf(error)
            } finally {
              await run(session, 'reset role')
            }
          })
          expect([read, found]).toEqual([read, role === reader && read !== 'through' ? [{ there: true }] : '42501'])
        }
      }
      await run(db, 'drop view through', `drop owned by ${reader}`, `drop role ${reader}`, `drop role ${stranger}`)
    })
  },
  prepare,
)

describeOnEachVersion('functions of a rollup', (_version, database) => {
  test.each([
    ['timestamp', 'local', '2 hours', `timestamp '2026-03-29 02:30'`],
    ['date', 'day', '1 day', `date '2026-03-29'`],
  ])('take what the column of time is: %s', async (type, column, bucket, since) => {
    const { db } = database()
    await anew(db, `create table plays (song int, ${column} ${type} not null, amount numeric)`)
    const [count, unit] = bucket.split(' ')
    const [shape] = await install(db, [
      rollupOf({
        bucket: {
          column,
          span: { unit: unit === 'day' ? 'day' : 'hour', count: Number(count) as 1 },
          zone: 'Europe/Berlin',
        },
      }),
    ])
    expect.assert(shape !== undefined)
    await run(
      db,
      `insert into plays select n % 3, (timestamp '2026-03-27' + n * interval '50 minutes')::${type}, n from generate_series(0, 120) n`,
    )
    expect((await db.query(sql.raw(sinceDifferencesText(shape, since)))).rows).toEqual([])
    expect((await db.query(sql.raw(sinceDifferencesText(shape, `'-infinity'::${type}`)))).rows).toEqual([])
  })

  test('have arguments without a name where a key or a measure is called so', async () => {
    const { db } = database()
    await anew(db, 'create table plays (since text collate "C", at timestamptz not null, "Cut" numeric, first int)')
    const [shape] = await install(db, [
      rollupOf({ name: 'Odd "One"', by: ['since', 'first'], measures: [measure('until', 'sum', { of: '"Cut"' })] }),
    ])
    expect.assert(shape !== undefined)
    await run(
      db,
      `insert into plays select 's' || n % 2, '2026-03-29Z'::timestamptz + n * interval '7 minutes', n, n % 3 from generate_series(0, 50) n`,
    )
    const since = `timestamptz '2026-03-29 01:30Z'`
    expect((await db.query(sql.raw(sinceDifferencesText(shape, since)))).rows).toEqual([])
    const { rows } = await db.query(
      sql.raw(`select "until" from "Odd ""One""_since"(${since}) where since = 's1' and first = 2`),
    )
    expect(rows).toEqual([{ until: expect.any(String) as string }])
  })

  test('tell values apart as their type does, whatever the search_path, where keys may be null', async () => {
    const { db } = database()
    await anew(
      db,
      'drop schema if exists ext cascade',
      'create schema ext',
      'create extension citext schema ext',
      'create table plays (song ext.citext, at timestamptz not null, who ext.citext)',
    )
    const [shape] = await install(db, [
      rollupOf({ measures: [plays, measure('people', 'countDistinct', { of: 'who', windows: true })], totals }),
    ])
    expect.assert(shape !== undefined)
    await run(
      db,
      `insert into plays select s, now(), w from unnest(array['a', 'B', null]) s, unnest(array['X', 'y', null]) w`,
    )
    await db.withSession((session) => mergeRollup(session, shape, patience))
    await run(
      db,
      `insert into plays values ('A', now(), 'x'), ('b', now(), 'Z'), (null, now(), 'Y'), (null, now(), 'q')`,
      `delete from plays where song is null and lower(who::text) = 'x'`,
    )
    const { rows } = await db.query(
      sql`select lower(song::text) as song, plays::int, people::int from song_plays_ever order by 1`,
    )
    expect(rows).toEqual([
      { song: 'a', plays: 4, people: 2 },
      { song: 'b', plays: 4, people: 3 },
      { song: null, plays: 4, people: 2 },
    ])
  })
})

async function anew(db: TestDatabase['db'], ...statements: readonly string[]): Promise<void> {
  await run(
    db,
    'drop schema public cascade',
    'create schema public',
    'drop schema if exists pgstrata cascade',
    ...statements,
  )
}
