// Whether a view could be a rollup: the declaration, which the server then takes and which says what the view said; or every
// obstacle.

import { describe, expect, test } from 'vitest'
import { command } from '../support/command.ts'
import { versions } from '../support/postgres.ts'
import { createProject } from '../support/project.ts'
import { openBench, type Bench } from './support.ts'

const schema: readonly string[] = [
  'create table songs (id int primary key, genre text)',
  'create table plays (song_id int not null, "Who" text, amount numeric, at timestamptz not null)',
]

async function suggest(bench: Bench, query: string): ReturnType<ReturnType<Bench['strata']>['views']['suggest']> {
  await bench.run(`create materialized view "it's one" as ${query}`)
  const said = await bench.strata({}).views.suggest(`it's one`)
  await bench.run(`drop materialized view "it's one"`)
  return said
}

describe.each(versions)('suggesting a rollup on PostgreSQL %d', (version) => {
  test('prints a declaration of keys, bucket, where and measures', async () => {
    const bench = await openBench(version)
    await bench.run(...schema)
    const said = await suggest(
      bench,
      `select song_id, date_trunc('day', at, 'Europe/Berlin') as day, count(*) as plays, sum(amount * 2) as twice,
         avg(amount) filter (where "Who" <> '(it''s)') as mean, count(*) filter (where amount > 5) as large, count("Who") as known,
         max(amount) as most, count("Who") filter (where amount > 1) as some, count(distinct "Who") as people
       from plays p where amount >= 0 and "Who" is distinct from 'GROUP BY' group by 1, 2 order by 3 desc`,
    )
    expect(said).toEqual({
      view: `"it's one"`,
      obstacles: [],
      notes: ['Its ORDER BY is left out: say that when you read.'],
      declaration: `it_s_one_rollup: {
  from: 'plays',
  time: 'at',
  bucket: '1 day',
  zone: 'Europe/Berlin',
  by: ['song_id'],
  where: '${`amount >= 0::numeric AND "Who" IS DISTINCT FROM 'GROUP BY'::text`.replaceAll("'", "\\'")}',
  measures: {
    plays: count(),
    twice: sum("amount * 2::numeric"),
    mean: avg('amount', { filter: '"Who" <> \\'(it\\'\\'s)\\'::text' }),
    large: countIf('amount > 5::numeric'),
    known: count('"Who"'),
    most: max('amount'),
    some: countIf('("Who") is not null and (amount > 1::numeric)'),
    people: countDistinct('"Who"'),
  },
},`.replace('"amount * 2::numeric"', "'amount * 2::numeric'"),
    })
  })

  test('a dimension that is joined by its primary key is joined when you read', async () => {
    const bench = await openBench(version)
    await bench.run(...schema)
    const said = await suggest(
      bench,
      `select s.genre, date_trunc('hour', p.at) as hour, sum(p.amount) as earned
       from plays p join songs s on s.id = p.song_id where p.amount > 0 group by s.genre, date_trunc('hour', p.at)`,
    )
    expect(said.obstacles).toEqual([])
    expect(said.notes).toEqual([
      "genre belongs to songs and is joined when you read: .join({ songs: { table: 'songs', on: 'song_id', columns: ['genre'] } }).",
      'Its buckets began in the time zone of whoever refreshed it; those of a rollup do in `zone`, which is UTC unless you say so.',
      'Rows whose song_id leads to no row of songs are not in the view, and are counted by the rollup.',
    ])
    expect(said.declaration).toContain(`from: 'plays',\n  time: 'at',\n  bucket: '1 hour',\n  by: ['song_id'],`)
    expect(said.declaration).toContain(`where: 'amount > 0::numeric',\n  measures: {\n    earned: sum('amount'),`)
  })

  test.each<[string, string, readonly RegExp[]]>([
    [
      'what cannot be added up',
      'select sum(distinct amount) as a, stddev(amount) as b from plays',
      [/^a is sum\(distinct …\)/, /^b is stddev\(…\)/],
    ],
    ['no aggregate', 'select song_id from plays', [/counts nothing/]],
    ['clauses', 'select song_id, count(*) from plays group by 1 having count(*) > 1 limit 1', [/HAVING/, /LIMIT/]],
    ['a union', 'select count(*) from plays union all select count(*) from songs', [/UNION/, /no table/]],
    ['a WITH', 'with x as materialized (select 1) select count(*) from plays', [/WITH/]],
    [
      'an expression',
      'select lower("Who"), count(*) from plays group by 1',
      [/groups by an expression/, /lower is computed|lower is lower/],
    ],
    ['a ratio', 'select sum(amount) / count(*) as ratio from plays', [/^ratio is computed/]],
    [
      'time',
      'select count(*) filter (where at > now()) as n from plays where at < current_date',
      [/^n depends on now/, /WHERE depends on when/],
    ],
    ['a join by no key', 'select count(*) from plays join songs on genre = "Who"', [/none is only described/]],
    [
      "another table's numbers",
      'select p.song_id, sum(s.id) as x from plays p join songs s on s.id = p.song_id group by 1',
      [/^x uses id/],
    ],
    ['a subquery', 'select count(*) from (select 1) x', [/something else than tables/]],
  ])('says what stands in the way: %s', async (_what, query, reasons) => {
    const bench = await openBench(version)
    await bench.run(...schema)
    const { declaration, obstacles } = await suggest(bench, query)
    expect(declaration).toBeNull()
    for (const reason of reasons) expect(obstacles).toEqual(expect.arrayContaining([expect.stringMatching(reason)]))
  })

  test('by the command, and what it prints is taken and says what the view said', async () => {
    const bench = await openBench(version)
    await bench.run(
      ...schema,
      `insert into plays select n % 3, 'w', n, '2026-01-01Z'::timestamptz + n * interval '20 min' from generate_series(1, 50) n`,
      `create view hourly as select song_id, date_trunc('hour', at, 'UTC') as bucket, count(*) as plays, sum(amount) as earned
       from plays where amount > 3 group by 1, 2`,
    )
    const project = await createProject(bench.url)
    const said = await command(project.dir, 'view', 'suggest', 'public.hourly')
    expect(said.code, said.err).toBe(0)
    expect(said.out).toMatch(/^rollups: \{\n  hourly_rollup: \{\n    from: 'plays',/)
    expect((await command(project.dir, 'view', 'suggest', 'plays')).err).toContain('error VIEW_UNKNOWN')
    await bench.run('create view none as select 1 as n')
    expect(await command(project.dir, 'view', 'suggest', 'none')).toMatchObject({ code: 2 })
    await project.write(
      'pgstrata.config.ts',
      `import { avg, count, countIf, sum, sumIf } from '${new URL('../../src/rollups/index.ts', import.meta.url).href}'
export default { database: { primary: ${JSON.stringify(bench.url)} }, ${said.out} }`,
    )
    await project.remove('pgstrata.config.json')
    const applied = await command(project.dir, 'apply')
    expect(applied.code, applied.err).toBe(0)
    const differing = `select * from (select song_id, bucket, plays, earned from hourly_rollup) a except select song_id, bucket, plays, earned from hourly`
    expect(await bench.rows(`select count(*)::int as n from hourly_rollup`)).toEqual(
      await bench.rows('select count(*)::int as n from hourly'),
    )
    expect(await bench.rows(differing)).toEqual([])
    await project.close()
  })
})
