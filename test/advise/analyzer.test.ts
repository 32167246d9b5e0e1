// The analyzer as the guide of the demo writes it, on a plain pg.Pool; what it refuses, and what it leaves behind: nothing.

import { inspect } from 'node:util'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openStrata, QueryPlanAnalyzer, resolveConfig } from '../../src/index.ts'
import { StrataPool } from '../../src/db/pool/strata-pool.ts'
import { sql } from '../../src/sql/sql.ts'
import { describeOnEachVersion } from '../support/postgres.ts'
import { createSongs, songCount } from './songs.ts'

describeOnEachVersion('the analyzer', (_version, database) => {
  let pool: pg.Pool
  let analyzer: QueryPlanAnalyzer

  beforeAll(async () => {
    await createSongs(database().db)
    await database().db.query(sql`
      create function noted() returns int language sql volatile as 'select 1';
      create sequence counted;
      create table events (id bigint generated always as identity, what text)`)
    pool = new pg.Pool({ connectionString: database().url, max: 2 })
    // pool.end() does not wait for the server: the database may be dropped before a connection is gone.
    pool.on('error', () => undefined)
    analyzer = new QueryPlanAnalyzer(pool)
  })
  afterAll(() => pool.end())

  test('each block of the guide runs as it is written', async () => {
    const plan = await analyzer.explain('SELECT * FROM songs WHERE genre = $1', ['Rock'])
    expect(plan).toMatch(
      /^Seq Scan on songs {2}\(cost=[\d.]+ rows=\d+ width=\d+\)\n {2}Filter: \(genre = 'Rock'::text\)/,
    )
    const analyzedPlan = await analyzer.explainAnalyze('SELECT * FROM songs WHERE genre = $1', ['Rock'])
    expect(analyzedPlan).toMatch(/^Seq Scan on songs .*actual time=.*Execution Time: [\d.]+ ms$/s)
    const detailedPlan = await analyzer.explainDetailed('SELECT * FROM songs WHERE genre = $1', ['Rock'])
    expect(detailedPlan).toMatchObject({
      isAnalyzed: false,
      isGeneric: false,
      root: {
        type: 'Seq Scan',
        relation: 'songs',
        conditions: { Filter: "(songs.genre = 'Rock'::text)" },
        children: [],
      },
    })
    const suggestions = await analyzer.suggestIndexes('SELECT * FROM songs WHERE genre = $1 AND strategy = $2', [
      'Rock',
      'pay-per-stream',
    ])
    const said: string[] = []
    suggestions.forEach((s) => said.push(inspect(s)))
    expect(said).toHaveLength(1)
    expect(said[0]).toMatch(
      /^create index concurrently "songs_genre_strategy_idx" on "public"."songs" \("genre", "strategy"\);\n {2}Finds .* of 20,000 rows by "genre", "strategy"/,
    )
    expect(String(suggestions[0])).toBe(said[0])
  })

  test('without values it is the plan for any', async () => {
    const plan = await analyzer.explain('select * from songs where genre = $1 and id > $2')
    expect(plan).toContain('$1')
    expect(await analyzer.explainDetailed('select * from songs where id = $1')).toMatchObject({
      isGeneric: true,
      root: { type: 'Index Scan', index: 'songs_pkey' },
    })
    expect(await analyzer.explain(sql`select * from songs where id = ${7}`)).toMatch(/^Index Scan using songs_pkey/)
  })

  test('what is run is rolled back, and connections go back as they came', async () => {
    const deleted = await analyzer.explainDetailed('delete from songs where genre = $1', ['Rock'], { analyze: true })
    expect(deleted.root.children[0]?.actual?.rows).toBe(songCount / 50)
    await analyzer.explain('select * from songs where id = $1')
    await expect(analyzer.explain('select * from songs where nothing = $1')).rejects.toMatchObject({
      code: 'EXPLAIN_FAILED',
    })
    await expect(analyzer.suggestIndexes('select * from songs where genre = $1 or id = $2')).resolves.toBeDefined()
    const { rows } = await pool.query(
      `select (select count(*)::int from songs) as songs, (select count(*)::int from pg_prepared_statements) as prepared,
        current_setting('statement_timeout') as timeout, now() = statement_timestamp() as outside`,
    )
    expect(rows).toEqual([{ songs: songCount, prepared: 0, timeout: '0', outside: true }])
    expect([pool.totalCount, pool.idleCount]).toEqual([1, 1])
  })

  test('what a rollback does not undo is told', async () => {
    const { sideEffects } = await analyzer.explainDetailed(`select nextval('counted'), noted(), lower('A')`, [], {
      analyze: true,
    })
    expect(sideEffects).toEqual([
      'It called nextval(): a sequence does not go back when the transaction is rolled back.',
      'It called noted(), which is volatile: what it does outside of the transaction remains.',
    ])
    const inserted = await analyzer.explainAnalyze(`insert into events (what) values ('a')`)
    expect(inserted).toMatch(/\nNote: It took values of the sequence of column "id": they are not given back\.$/)
    expect((await analyzer.explainDetailed('select noted()')).sideEffects).toEqual([])
  })

  describe('refuses', () => {
    const many = `select ${Array.from({ length: 200_000 }, () => '1').join(', ')}, ${' '.repeat(700_000)}1`
    test.each([
      ['what does not parse', 'selec hunter2 from songs', undefined, 'SQL_SYNTAX', /line 1, column 1$/],
      ['several statements', 'select 1; drop table songs', undefined, 'EXPLAIN_REFUSED', /one statement/],
      ['nothing', ' -- only this', undefined, 'EXPLAIN_REFUSED', /got none/],
      ['DDL', 'drop table songs', undefined, 'EXPLAIN_REFUSED', /got Drop$/],
      ['VACUUM', 'vacuum songs', undefined, 'EXPLAIN_REFUSED', /got Vacuum$/],
      ['COPY', `copy songs to program 'rm -rf /'`, undefined, 'EXPLAIN_REFUSED', /got Copy$/],
      ['EXPLAIN', 'explain analyze delete from songs', undefined, 'EXPLAIN_REFUSED', /got Explain$/],
      ['SELECT INTO', 'select * into others from songs', undefined, 'EXPLAIN_REFUSED', /makes a table/],
      ['a text without end', many, undefined, 'EXPLAIN_REFUSED', /too long/],
      [
        'too few values',
        'select * from songs where id = $1 and genre = $2',
        [1],
        'VALUE_INVALID',
        /expected 2 values, got 1$/,
      ],
      ['values for nothing', 'select 1', ['hunter2'], 'VALUE_INVALID', /expected none, got 1$/],
      ['an unknown table', 'select * from nothing', undefined, 'EXPLAIN_FAILED', /relation "nothing" does not exist/],
      ['a value of another type', 'select * from songs where id = $1', ['hunter2'], 'EXPLAIN_FAILED', /SQLSTATE 22P02/],
      [
        'a literal of another type',
        `select * from songs where id = 'hunter2'`,
        undefined,
        'EXPLAIN_FAILED',
        /SQLSTATE 22P02/,
      ],
    ])('%s', async (_name, text, params, code, message) => {
      const error = await analyzer.explain(text, params).catch((caught: unknown) => caught)
      expect(error).toMatchObject({ code, message: expect.stringMatching(message) as string })
      expect(JSON.stringify([error, String(error), inspect(error)])).not.toContain('hunter2')
    })

    test.each([
      ['values that are not there', 'select * from songs where id = $1', 'VALUE_INVALID'],
      ['what ends other sessions', 'select pg_terminate_backend(1)', 'EXPLAIN_REFUSED'],
      ['a lock that outlives it', 'select pg_advisory_lock(1)', 'EXPLAIN_REFUSED'],
    ])('to run %s', async (_name, text, code) => {
      await expect(analyzer.explainAnalyze(text)).rejects.toMatchObject({ code })
    })
  })

  test('a statement that runs too long, or waits for a lock, is stopped', async () => {
    const hasty = new QueryPlanAnalyzer(pool, { timeout: '50ms', lockTimeout: '50ms' })
    await expect(hasty.explainAnalyze('select pg_sleep(10)')).rejects.toMatchObject({ code: 'QUERY_TIMEOUT' })
    const patient = new QueryPlanAnalyzer(pool, { timeout: '20s', lockTimeout: '50ms' })
    await database().db.withSession(async (session) => {
      await session.query(sql`begin`)
      await session.query(sql`lock table events in access exclusive mode`)
      await expect(patient.explain('select * from events')).rejects.toMatchObject({ code: 'LOCK_TIMEOUT' })
      await session.query(sql`rollback`)
    })
  })

  test('on a StrataPool the same', async () => {
    const strataPool = new StrataPool({ connectionString: database().url, max: 1 })
    const other = new QueryPlanAnalyzer(strataPool)
    expect(await other.explain('select * from songs where id = $1')).toMatch(/^Index Scan using songs_pkey/)
    expect(await other.explainAnalyze('select * from songs where id = $1', [1])).toContain('actual time')
    expect(await other.suggestIndexes('select * from songs where artist_address = $1')).toHaveLength(1)
    await strataPool.end()
  })

  test('strata.analyzer is one over the pool of the configuration', async () => {
    const strata = openStrata(
      resolveConfig({ database: { primary: database().url } }, { root: '/', name: 'pgstrata.config.ts' }),
    )
    expect(strata.analyzer).toBeInstanceOf(QueryPlanAnalyzer)
    expect(await strata.analyzer.explain('select * from songs where id = $1', [7])).toMatch(
      /^Index Scan using songs_pkey/,
    )
    await strata.close()
  })

  test('plans of every kind are drawn', async () => {
    const detailed = await analyzer.explainDetailed(
      'select s.genre, count(*) from plays p join songs s on s.id = p.song_id where p.amount > $1 group by s.genre order by 2 desc',
      [10],
      { analyze: true },
    )
    expect(detailed.toString()).toMatch(/─ Seq Scan on public\.plays p\n.*─ Seq Scan on public\.songs s\n/s)
  })
})
