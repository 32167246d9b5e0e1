// The promise of a suggestion: made for real, the planner uses it, and the statement costs less. Held over statements of every
// shape that is looked for, and over those that nothing can help, for which nothing may be suggested. hypopg is not there: this is
// what statistics alone are good for.

import pg from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { QueryPlanAnalyzer } from '../../../src/index.ts'
import { listNodes } from '../../../src/advise/plan/node.ts'
import { readPlan } from '../../../src/advise/plan/read-plan.ts'
import { sql } from '../../../src/sql/sql.ts'
import { describeOnEachVersion } from '../../support/postgres.ts'
import { createSongs } from '../songs.ts'

interface Shape {
  readonly text: string
  readonly params?: readonly unknown[]
  /** What stands behind ON, of each index. */
  readonly indexes: readonly string[]
}

const songs = '"public"."songs"'
const plays = '"public"."plays"'

const useful: Readonly<Record<string, Shape>> = {
  equality: { text: 'select * from plays where song_id = $1', params: [77], indexes: [`${plays} ("song_id")`] },
  'equality for any value': { text: 'select * from plays where listener = $1', indexes: [`${plays} ("listener")`] },
  'a literal': {
    text: `select * from songs where artist_address = 'Artist7'`,
    indexes: [`${songs} ("artist_address")`],
  },
  'two equalities, the more selective first': {
    text: 'select * from songs where strategy = $1 and genre = $2',
    params: ['gift', 'Rock'],
    indexes: [`${songs} ("genre", "strategy")`],
  },
  range: {
    text: `select * from plays where played_at >= $1 and played_at < $2`,
    params: ['2024-02-01', '2024-02-02'],
    indexes: [`${plays} ("played_at")`],
  },
  between: {
    text: 'select * from plays where played_at between $1 and $2',
    params: ['2024-02-01', '2024-02-02'],
    indexes: [`${plays} ("played_at")`],
  },
  'equality and range': {
    text: 'select * from songs where genre = $1 and released_on > $2',
    params: ['Rock', '2022-03-01'],
    indexes: [`${songs} ("genre", "released_on")`],
  },
  'order and limit': {
    text: 'select * from plays order by played_at desc limit 10',
    indexes: [`${plays} ("played_at")`],
  },
  'equality, order and limit': {
    text: 'select * from plays where listener = $1 order by played_at desc limit 10',
    params: ['listener5'],
    indexes: [`${plays} ("listener", "played_at")`],
  },
  'a common value, order and limit': {
    text: `select * from songs where strategy = 'gift' order by released_on desc limit 10`,
    indexes: [`${songs} ("released_on") where "strategy" = 'gift'`],
  },
  'order in two directions': {
    text: 'select * from plays order by listener, played_at desc limit 20',
    indexes: [`${plays} ("listener", "played_at" desc)`],
  },
  'nulls last': {
    text: 'select * from plays order by seconds desc nulls last, id limit 20',
    indexes: [`${plays} ("seconds" desc nulls last, "id")`],
  },
  'by a column of the list': {
    text: 'select played_at as at from plays order by at limit 5',
    indexes: [`${plays} ("played_at")`],
  },
  'the greatest': { text: 'select max(played_at) from plays', indexes: [`${plays} ("played_at")`] },
  'the greatest of some': {
    text: 'select max(played_at) from plays where listener = $1',
    params: ['listener5'],
    indexes: [`${plays} ("listener", "played_at")`],
  },
  join: {
    text: 'select p.* from songs s join plays p on p.song_id = s.id where s.id = $1',
    params: [77],
    indexes: [`${plays} ("song_id")`],
  },
  'a join of few rows': {
    text: 'select s.title, p.amount from songs s join plays p on p.song_id = s.id where s.artist_address = $1',
    params: ['Artist7'],
    indexes: [`${plays} ("song_id")`, `${songs} ("artist_address")`],
  },
  'a join by USING': {
    text: 'select count(*) from (values (1), (2)) as v (song_id) join plays using (song_id)',
    indexes: [`${plays} ("song_id")`],
  },
  'a correlated subquery': {
    text: 'select id, (select count(*) from plays p where p.song_id = s.id) from songs s where id < 20',
    indexes: [`${plays} ("song_id")`],
  },
  exists: {
    text: `select id from songs s where id < 20 and exists (select from plays p where p.song_id = s.id)`,
    indexes: [`${plays} ("song_id")`],
  },
  'a function': {
    text: 'select * from songs where lower(artist_address) = $1',
    params: ['artist7'],
    indexes: [`${songs} (lower("artist_address"))`],
  },
  'a value out of jsonb': {
    text: `select * from songs where data->>'n' = $1`,
    params: ['77'],
    indexes: [`${songs} ((("data" ->> 'n')))`],
  },
  'containment in jsonb': {
    text: 'select * from songs where data @> $1',
    params: [{ mood: 'm7' }],
    indexes: [`${songs} using gin ("data" jsonb_path_ops)`],
  },
  'containment in an array': {
    text: 'select * from songs where tags @> $1',
    params: [['t7']],
    indexes: [`${songs} using gin ("tags")`],
  },
  'the rare part of a flag': { text: 'select * from songs where is_hidden', indexes: [`${songs} ("is_hidden")`] },
  'a flag beside a value': {
    text: 'select * from songs where artist_address = $1 and deleted_at is not null',
    params: ['Artist100'],
    indexes: [`${songs} ("artist_address") where "deleted_at" is not null`],
  },
  'the beginning of a text': {
    text: `select * from songs where title like 'Song ab%'`,
    indexes: [`${songs} ("title" text_pattern_ops)`],
  },
  'the beginning, as a parameter': {
    text: 'select * from songs where title like $1',
    params: ['Song abc%'],
    indexes: [`${songs} ("title" text_pattern_ops)`],
  },
  in: {
    text: 'select * from plays where song_id in ($1, $2, $3)',
    params: [1, 2, 3],
    indexes: [`${plays} ("song_id")`],
  },
  'any of an array': {
    text: 'select * from plays where song_id = any ($1)',
    params: [[1, 2, 3]],
    indexes: [`${plays} ("song_id")`],
  },
  or: {
    text: 'select * from plays where song_id = $1 or listener = $2',
    params: [7, 'listener7'],
    indexes: [`${plays} ("song_id")`, `${plays} ("listener")`],
  },
  update: { text: 'update plays set amount = 0 where song_id = $1', params: [7], indexes: [`${plays} ("song_id")`] },
  delete: { text: 'delete from plays where listener = $1', params: ['listener7'], indexes: [`${plays} ("listener")`] },
  'a CTE': {
    text: 'with mine as (select * from plays where listener = $1) select count(*) from mine',
    params: ['listener7'],
    indexes: [`${plays} ("listener")`],
  },
  union: {
    text: `select id from plays where song_id = 7 union all select id from songs where artist_address = 'Artist7'`,
    indexes: [`${plays} ("song_id")`, `${songs} ("artist_address")`],
  },
  'columns taken along': {
    text: 'select seconds from plays where played_at < $1',
    params: ['2024-01-20'],
    indexes: [`${plays} ("played_at") include ("seconds")`],
  },
}

const useless: Readonly<Record<string, Pick<Shape, 'text' | 'params'>>> = {
  'everything is read': { text: 'select * from plays' },
  'everything is counted': { text: 'select genre, count(*) from songs group by genre' },
  'most rows fit': { text: 'select * from plays where amount >= $1', params: [5] },
  'a value that half of the rows have': { text: 'select * from songs where not is_hidden' },
  'the primary key is there': { text: 'select * from plays where id = $1', params: [7] },
  'a primary key beside another column': {
    text: 'select * from plays where id = $1 and listener = $2',
    params: [7, 'x'],
  },
  'another value than': { text: 'select * from plays where song_id <> $1', params: [7] },
  'an order without a limit': { text: 'select * from plays order by played_at' },
  'all rows of a join': { text: 'select count(*) from plays p join songs s on s.id = p.song_id' },
  'a pattern with a leading wildcard': { text: `select * from songs where title like '%ab'` },
  'a function that is not immutable': { text: `select * from plays where to_char(played_at, 'YYYY') = '1999'` },
  'a cast that depends on the time zone': { text: `select * from plays where played_at::date = '2024-02-01'` },
  'the order of a computed sum': {
    text: 'select listener, sum(amount) as s from plays group by 1 order by s desc limit 5',
  },
  'a small table': { text: 'select * from few where name = $1', params: ['n7'] },
  'a view': { text: 'select * from all_plays where song_id = $1', params: [7] },
  'no table at all': { text: 'select generate_series(1, 100000)' },
}

describeOnEachVersion('a suggested index', (_version, database) => {
  let pool: pg.Pool
  let analyzer: QueryPlanAnalyzer

  beforeAll(async () => {
    const { db } = database()
    await createSongs(db, 40_000)
    await db.query(sql`create table few as select i as id, 'n' || i as name from generate_series(1, 900) i`)
    await db.query(sql`create view all_plays as select * from plays`)
    await db.query(sql`analyze few`)
    pool = new pg.Pool({ connectionString: database().url, max: 1 })
    analyzer = new QueryPlanAnalyzer(pool)
  })
  afterAll(() => pool.end())

  describe('is used, and the statement costs less', () => {
    test.each(Object.entries(useful))('%s', async (_name, { text, params, indexes }) => {
      const suggestions = await analyzer.suggestIndexes(text, params)
      expect(suggestions.map(({ ddl }) => ddl.replace(/^.* on /, '')).toSorted()).toEqual(indexes.toSorted())
      const { before, after, used } = await withIndexes(
        suggestions.map(({ ddl }) => ddl),
        text,
        params,
      )
      expect(used.toSorted()).toEqual(suggestions.map(({ name }) => name).toSorted())
      expect(after).toBeLessThan(before * 0.9)
      for (const { costBefore, costAfter, confidence } of suggestions) {
        expect({ costBefore, confidence }).toEqual({ costBefore: before, confidence: 'estimated' })
        expect(costAfter).toBeLessThan(before)
      }
    })
  })

  describe('is not suggested where it would not help', () => {
    test.each(Object.entries(useless))('%s', async (_name, { text, params }) => {
      expect((await analyzer.suggestIndexes(text, params)).map(String)).toEqual([])
    })
  })

  test('of a partitioned table it is said whom it locks out, of another nobody is', async () => {
    const { db } = database()
    await db.query(sql`
      create table parted (id int, name text not null) partition by range (id);
      create table parted_1 partition of parted for values from (0) to (20000);
      create table parted_2 partition of parted for values from (20000) to (40001);
      insert into parted select i, 'n' || i from generate_series(1, 40000) i;
      analyze parted`)
    const [parted] = await analyzer.suggestIndexes('select * from parted where name = $1', ['n7'])
    expect(parted?.ddl).not.toContain('concurrently')
    expect(parted?.locks).toContain('locks out writers of every partition')
    expect(String(parted)).toContain(parted?.locks)
    const [plain] = await analyzer.suggestIndexes('select * from plays where song_id = $1', [7])
    expect(plain).toMatchObject({ ddl: expect.stringContaining('concurrently') as string, locks: undefined })
  })

  /** Makes them, really, in a transaction that is rolled back. */
  async function withIndexes(
    ddl: readonly string[],
    text: string,
    params: readonly unknown[] | undefined,
  ): Promise<{ before: number; after: number; used: readonly string[] }> {
    const client = await pool.connect()
    try {
      await client.query('begin')
      // To start workers takes longer than to sort so few rows.
      await client.query('set local max_parallel_maintenance_workers = 0')
      const plan = async (): Promise<ReturnType<typeof readPlan>> => {
        if (params === undefined && text.includes('$')) {
          await client.query('set local plan_cache_mode = force_generic_plan')
          await client.query(`prepare shape as ${text}`)
          const { rows } = await client.query('explain (verbose, format json) execute shape(null)')
          await client.query('deallocate shape')
          return readPlan(rows[0]['QUERY PLAN'])
        }
        const { rows } = await client.query(`explain (verbose, format json) ${text}`, [...(params ?? [])])
        return readPlan(rows[0]['QUERY PLAN'])
      }
      const before = (await plan()).root.cost.total
      const there = new Set<string>()
      for (const one of ddl) await client.query(one.replace(' concurrently', ''))
      for (const one of ddl) there.add(/^create index (?:concurrently )?"([^"]+)"/.exec(one)?.[1] ?? '')
      const { root } = await plan()
      const used = [...new Set(listNodes(root).flatMap(({ index }) => index ?? []))].filter((name) => there.has(name))
      return { before, after: root.cost.total, used }
    } finally {
      await client.query('rollback')
      client.release()
    }
  }
})
