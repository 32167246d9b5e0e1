// A rollup that is declared in another way, while it is read and written to: in place, or by another one that takes its place.

import { describe, expect, test } from 'vitest'
import type { Db } from '../../src/db/db.ts'
import { mergeRollup } from '../../src/rollups/merge/merge.ts'
import { readInstalled } from '../../src/rollups/kept/queries.ts'
import { sql } from '../../src/sql/sql.ts'
import { versions } from '../support/postgres.ts'
import { useDeclared } from './declared-support.ts'
import { patience, run } from './support.ts'

const plays = { kind: 'count' } as const
const earned = { kind: 'sum', of: 'amount' } as const
const best = { kind: 'max', of: 'amount' } as const
const totals = { windows: { '7d': '7 days' }, compute: { score: 'plays_7d * 2' }, index: ['score desc'] } as const
const songPlays = { from: 'plays', time: 'at', bucket: '1 hour', by: ['song'], measures: { plays, earned } } as const

/** Too large to be filled while writers wait: of many rows when soaking, otherwise of a few on pages that are nearly empty. */
const [rows, apart, filled] = process.env['PGSTRATA_SOAK'] === '1' ? [200_000, 1, 100] : [20_000, 10, 10]
const many = `insert into plays select n % 5, now() - n * interval '${apart} minutes', n % 7, 'k' || n % 3 from generate_series(1, ${rows}) n`

describe.each(versions)('a rollup that is declared otherwise, on PostgreSQL %d', (version) => {
  let db: Db
  const { declare } = useDeclared(version, async (made) => {
    db = made.db
    await run(db, 'create table plays (song int, at timestamptz not null, amount numeric, kind text)')
    await run(db, `alter table plays set (fillfactor = ${filled})`)
  })

  const rowsOf = async (text: string): Promise<readonly unknown[]> => (await db.query(sql.raw(text))).rows

  const expectExact = async (
    values: string,
    group = `song, date_trunc('hour', at, 'UTC') as bucket`,
  ): Promise<void> => {
    const names = values.split(', ').map((value) => value.split(' as ')[1] ?? '')
    const keys = group.split(', ').some((key) => key.startsWith('kind')) ? 'kind, bucket' : 'song, bucket'
    const truth = `select ${group}, ${values} from plays group by 1, 2`
    const columns = [keys, ...names].join(', ')
    const both = `with truth as materialized (select ${columns} from (${truth}) as one), kept as materialized (select ${columns} from song_plays)`
    expect(
      await rowsOf(
        `${both} select 'kept' as of, to_jsonb(one) from (table kept except all table truth) as one union all select 'truth', to_jsonb(one) from (table truth except all table kept) as one limit 3`,
      ),
    ).toEqual([])
  }
  const values = 'count(*) as plays, sum(amount) as earned'

  test('measures and totals come and go in place, at once where the table is small', async () => {
    await run(db, 'grant select on plays to pg_monitor')
    await declare(songPlays).apply()
    await run(
      db,
      `insert into plays select n % 3, now() - n * interval '20 minutes', n, 'a' from generate_series(0, 99) n`,
    )
    const wider = declare({ ...songPlays, measures: { best, plays, earned }, totals })
    const plan = await wider.plan()
    expect(plan.steps.map(({ title }) => title)).toEqual([
      'Rollups of table public.plays: change song_plays',
      expect.any(String),
    ])
    await wider.apply()
    await run(db, `insert into plays values (1, now(), 1000, 'b')`)
    await expectExact(`${values}, max(amount) as best`)
    await wider.rollup.merge('song_plays')
    expect(await rowsOf('select song, plays::int, score::int from song_plays_totals order by song')).toEqual([
      { song: 0, plays: 34, score: 68 },
      { song: 1, plays: 34, score: 68 },
      { song: 2, plays: 33, score: 66 },
    ])
    expect(
      await rowsOf(
        `select relname from pg_class where relkind = 'v' and relname like 'song_plays%' and not has_table_privilege('pg_monitor', oid, 'select')`,
      ),
    ).toEqual([])
    const after = await wider.plan()
    expect([after.steps, after.held]).toEqual([[], []])
    const narrow = declare({ ...songPlays, measures: { plays } })
    await narrow.apply()
    await run(db, `insert into plays values (2, now(), 5, 'b')`)
    await narrow.rollup.merge('song_plays')
    await expectExact('count(*) as plays')
    expect(
      await rowsOf(
        `select column_name from information_schema.columns where table_name = 'song_plays_merged' order by 1`,
      ),
    ).toEqual(['bucket', 'row_count', 'song'].map((column_name) => ({ column_name })))
    expect(await rowsOf(`select to_regclass('song_plays_totals')::text as totals`)).toEqual([{ totals: null }])
  })

  test('a new measure of a large table is filled range by range; what is read meanwhile is what was there', async () => {
    await run(db, many)
    const before = declare({ ...songPlays, totals, levels: ['day'] })
    await before.apply()
    await before.rollup.fill('song_plays')
    expect(await before.rollup.verify('song_plays')).toMatchObject({ different: 0, totals: 0, levels: 0 })
    const more = { kind: 'sum', of: 'amount * 2' } as const
    const wider = declare({ ...songPlays, totals, levels: ['day'], measures: { plays, earned, best, more } })
    await wider.apply()
    expect(await wider.rollup.status('song_plays')).toMatchObject([{ state: 'refilling', findings: [] }])
    await run(db, `insert into plays values (1, now(), 1000, 'b')`, `delete from plays where amount = 6`)
    await expectExact(values)
    const reader = wider.rollups['song_plays'] as never as {
      by(...names: string[]): { measures(name: string): { rows(): Promise<unknown[]> } }
    }
    expect(await reader.by('song').measures('plays').rows()).toHaveLength(5)
    await expect(reader.by('song').measures('best').rows()).rejects.toMatchObject({ code: 'ROLLUP_STATE' })
    // Stopped on the way, it goes on where it was.
    const stop = new AbortController()
    const stopped = wider.rollup.fill('song_plays', { signal: stop.signal, onProgress: () => stop.abort() })
    await expect(stopped).rejects.toMatchObject({ code: 'INTERRUPTED' })
    await expectExact(values)
    const [{ filledTo } = { filledTo: null }] = await wider.rollup.status('song_plays')
    expect(filledTo).not.toBeNull()
    await wider.rollup.fill('song_plays')
    await expectExact(`${values}, max(amount) as best, sum(amount * 2) as more`)
    await wider.rollup.merge('song_plays')
    // Buckets of which no row was left before they were filled too.
    expect(await wider.rollup.verify('song_plays')).toMatchObject({ different: 0, totals: 0, levels: 0 })
    expect(await reader.by('song').measures('best').rows()).toHaveLength(5)
    expect(await wider.rollup.status('song_plays')).toMatchObject([{ state: 'live' }])
  })

  test('history below the floor stays as it is, and has nothing of a new measure', async () => {
    await run(
      db,
      'drop table plays',
      'create table plays (song int, at timestamptz not null, amount numeric, kind text) partition by range (at)',
      `create table plays_old partition of plays for values from ('2026-01-01') to ('2026-02-01')`,
      `create table plays_new partition of plays for values from ('2026-02-01') to ('2026-03-01')`,
    )
    const before = declare(songPlays)
    await before.apply()
    await run(db, `insert into plays values (1, '2026-01-10 10:00Z', 3, 'a'), (1, '2026-02-10 10:00Z', 4, 'a')`)
    await before.rollup.merge('song_plays')
    await run(db, 'drop table plays_old')
    const wider = declare({
      ...songPlays,
      measures: { plays, earned, best, rows: { kind: 'count', filter: 'amount > 0' } },
    })
    await wider.apply()
    expect(await wider.rollup.verify('song_plays', { fix: true })).toMatchObject({ different: 0 })
    expect(
      await rowsOf('select plays::int, earned::int, best::int, rows::int from song_plays order by bucket'),
    ).toEqual([
      { plays: 1, earned: 3, best: null, rows: 0 },
      { plays: 1, earned: 4, best: 4, rows: 1 },
    ])
    // In another grain nothing could be said of what is gone.
    const other = await declare({ ...songPlays, bucket: '1 day' }).plan()
    expect(other.steps).toEqual([])
    expect(other.held).toMatchObject([
      { what: 'rollup song_plays', why: expect.stringContaining('are gone') as string },
    ])
  })

  test('with other keys it is built beside, and takes the place in the same apply where the table is small', async () => {
    await run(db, 'grant select on plays to pg_monitor')
    await declare(songPlays).apply()
    await run(
      db,
      `insert into plays select n % 3, now() - n * interval '20 minutes', n, 'k' || n % 2 from generate_series(0, 99) n`,
    )
    const byKind = declare({ ...songPlays, bucket: '1 day', by: ['kind'], totals })
    await byKind.apply()
    await run(db, `insert into plays values (1, now(), 1000, 'b')`)
    await expectExact(values, `kind, date_trunc('day', at, 'UTC') as bucket`)
    await byKind.rollup.merge('song_plays')
    await expectExact(values, `kind, date_trunc('day', at, 'UTC') as bucket`)
    const after = await byKind.plan()
    expect([after.steps, after.held]).toEqual([[], []])
    expect(await byKind.rollup.verify('song_plays')).toMatchObject({ different: 0, totals: 0 })
    expect(await rowsOf(`select has_table_privilege('pg_monitor', 'song_plays', 'select') as may`)).toEqual([
      { may: true },
    ])
    await run(db, 'call pgstrata.merge()')
    await declare(undefined).apply()
    expect(await rowsOf(`select relname from pg_class where relname like 'song_plays%' and relkind <> 'i'`)).toEqual([])
  })

  test('of a large table it is read as it was until the other one is filled; declared as before, that one goes', async () => {
    await run(db, many)
    const before = declare(songPlays)
    await before.apply()
    await before.rollup.fill('song_plays')
    const byKind = declare({ ...songPlays, by: ['kind'] })
    await byKind.apply()
    expect((await byKind.plan()).held).toMatchObject([{ todo: expect.stringContaining('when it is filled') as string }])
    await expectExact(values)
    await before.apply()
    expect(await rowsOf(`select name from pgstrata.rollup`)).toEqual([{ name: 'song_plays' }])
    await byKind.apply()
    await byKind.rollup.fill('song_plays')
    await run(db, `insert into plays values (1, now(), 1000, 'b')`)
    await expectExact(values)
    await byKind.apply()
    await expectExact(values, `kind, date_trunc('hour', at, 'UTC') as bucket`)
    expect(await byKind.rollup.status()).toMatchObject([{ name: 'song_plays', state: 'live', findings: [] }])
  })

  test('who merges by the old definition is told, and nothing is lost', async () => {
    await declare(songPlays).apply()
    const [old] = await readInstalled(db)
    expect.assert(old !== undefined)
    const wider = declare({ ...songPlays, measures: { plays, earned, best }, totals })
    await wider.apply()
    await run(db, `insert into plays values (1, now(), 5, 'a')`)
    await expect(db.withSession((session) => mergeRollup(session, old.shape, patience))).rejects.toMatchObject({
      code: 'ROLLUP_STATE',
    })
    expect(await wider.rollup.merge('song_plays')).toBe(1)
    await expectExact(`${values}, max(amount) as best`)
  })

  test('what others made of its views is not dropped with them', async () => {
    await declare(songPlays).apply()
    await run(db, 'create view mine as select * from song_plays_parts')
    const { steps, held } = await declare({ ...songPlays, measures: { plays } }).plan()
    expect(steps).toEqual([])
    expect(held).toMatchObject([{ why: expect.stringContaining('view mine') as string }])
  })
})
