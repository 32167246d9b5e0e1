// From a configuration to a rollup that is read: planned, applied, filled at once or range by range, merged by the job and from
// SQL, verified and repaired, and dropped when it is declared no more.

import { describe, expect, test } from 'vitest'
import { defineConfig, resolveConfig } from '../../src/config/index.ts'
import type { Db } from '../../src/db/db.ts'
import { count } from '../../src/rollups/index.ts'
import { openStrata } from '../../src/strata.ts'
import { sql } from '../../src/sql/sql.ts'
import { versions } from '../support/postgres.ts'
import { useDeclared } from './declared-support.ts'
import { run } from './support.ts'

const location = { root: '/', name: 'pgstrata.config.ts' }
/** Too large to be filled while writers wait: of many rows when soaking, otherwise of a few on pages that are nearly empty. */
const [rows, filled] = process.env['PGSTRATA_SOAK'] === '1' ? [200_000, 100] : [20_000, 10]
const songPlays = {
  from: 'plays',
  bucket: '1 hour',
  by: ['song'],
  measures: { plays: { kind: 'count' }, earned: { kind: 'sum', of: 'amount' } },
} as const

describe.each(versions)('applied rollups on PostgreSQL %d', (version) => {
  let db: Db
  const { database, closeAfter, configure: strataOf } = useDeclared(version, (made) => void (db = made.db))

  const rowsOf = async (text: string): Promise<unknown> => (await db.query(sql.raw(text))).rows

  test('a partitioned table and its rollup are made by one apply, and a second plan finds nothing to do', async () => {
    await run(db, 'create table plays (song int, at timestamptz not null, amount numeric)')
    const strata = strataOf({
      tables: { plays: { time: 'at', partition: 'month', from: '2026-01-01' } },
      rollups: { song_plays: songPlays },
    })
    const before = await strata.plan()
    expect(before.steps.some(({ feature }) => feature === 'rollups')).toBe(true)
    await strata.apply()
    const after = await strata.plan()
    expect([after.steps, after.drift, after.held]).toEqual([[], [], []])
    await run(db, `insert into plays values (1, '2026-02-03 10:10Z', 5), (1, '2026-02-03 10:20Z', 6)`)
    await run(db, `update plays_2026_02 set amount = 7 where amount = 5`)
    const read = `select bucket = '2026-02-03 10:00Z' as hour, song, plays::int, earned::int from song_plays`
    expect(await rowsOf(read)).toEqual([{ hour: true, song: 1, plays: 2, earned: 13 }])
    expect(await strata.rollup.merge('song_plays')).toBe(2)
    expect(await strata.rollup.merge('song_plays')).toBe(0)
    expect(await rowsOf(read)).toEqual([{ hour: true, song: 1, plays: 2, earned: 13 }])
    expect(await strata.rollup.status('song_plays')).toMatchObject([
      { state: 'live', pending: 0, mergedRows: 2, findings: [] },
    ])
  })

  test('is read by its name, with the types of its declaration, and not before it is filled', async () => {
    await run(
      db,
      `create table plays (song int, at timestamptz not null, amount numeric) with (fillfactor = ${filled})`,
      `insert into plays select 1, now() - n * interval '1 minute', 1 from generate_series(1, ${rows}) n`,
    )
    const config = defineConfig({
      database: { primary: database().url },
      rollups: {
        song_plays: { ...songPlays, time: 'at' },
        everything: { from: 'plays', measures: { plays: count() } },
      },
    })
    const strata = closeAfter(openStrata(resolveConfig(config, location)))
    const reader = strata.rollups.song_plays.where({ song: 1 }).since('90 minutes')
    await expect(reader.rows()).rejects.toMatchObject({ code: 'ROLLUP_UNKNOWN' })
    await strata.apply()
    await expect(reader.rows()).rejects.toMatchObject({ code: 'ROLLUP_STATE' })
    await strata.rollup.fill('song_plays')
    await strata.rollup.fill('everything')
    const [row] = await reader.rows()
    const plays: string = row?.plays ?? ''
    // Minutes pass while the table is made and filled.
    const { n } = (
      await db.query<{ n: number }>(sql`select count(*)::int as n from plays where at >= now() - interval '90 minutes'`)
    ).rows[0] ?? { n: 0 }
    expect([n, n + 1]).toContain(Number(plays))
    expect(await strata.rollups.everything.rows()).toEqual([{ plays: String(rows) }])
    // @ts-expect-error there is no such rollup
    expect(strata.rollups.nothing).toBeUndefined()
  })

  test('SQL alone merges: all, or one by its name, and says where there is none', async () => {
    await run(db, 'create table plays (song int, at timestamptz not null, amount numeric)')
    const strata = strataOf({
      rollups: {
        song_plays: { ...songPlays, time: 'at' },
        in_all: { from: 'plays', measures: { n: { kind: 'count' } } },
      },
    })
    await strata.apply()
    await run(db, `insert into plays values (1, now(), 1)`, `call pgstrata.merge('in_all')`)
    const pending = `select (select count(*)::int from pgstrata.song_plays_delta) as songs, (select count(*)::int from pgstrata.in_all_delta) as in_all`
    expect(await rowsOf(pending)).toEqual([{ songs: 1, in_all: 0 }])
    await run(db, `insert into plays values (1, now(), 1)`, 'call pgstrata.merge()')
    expect(await rowsOf(pending)).toEqual([{ songs: 0, in_all: 0 }])
    expect(await rowsOf('select n::int from in_all')).toEqual([{ n: 2 }])
    expect(await strata.rollup.status('in_all')).toMatchObject([{ mergedRows: 1 }])
    await expect(run(db, `call pgstrata.merge('nothing')`)).rejects.toThrow('There is no rollup nothing')
  })

  test('one that cannot be merged is told, and the others are merged', async () => {
    await run(db, 'create table plays (song int, at timestamptz not null, amount numeric)')
    await strataOf({
      rollups: {
        broken: { from: 'plays', measures: { n: { kind: 'count' } } },
        whole: { from: 'plays', measures: { n: { kind: 'count' } } },
      },
    }).apply()
    await run(db, `insert into plays values (1, now(), 1)`, 'alter table broken_merged add check (row_count < 0)')
    const notices: string[] = []
    await db.withSession(async (session) => {
      session.onNotice(({ severity, message }) => void notices.push(`${severity} ${message}`))
      await run(session, 'call pgstrata.merge()')
    })
    expect(notices).toEqual([expect.stringMatching(/^WARNING Rollup broken is not merged: /)])
    expect(await rowsOf('select row_count::int as n from whole_merged')).toEqual([{ n: 1 }])
    expect(await rowsOf('select n::int from broken')).toEqual([{ n: 1 }])
  })

  test('a large table is filled range by range while it is written to, and its view is made at the end', async () => {
    await run(
      db,
      `create table plays (song int, at timestamptz not null, amount numeric) with (fillfactor = ${filled})`,
      `insert into plays select n % 50, '2026-01-01'::timestamptz + n * interval '46 days' / ${rows}, 1 from generate_series(1, ${rows}) n`,
    )
    const strata = strataOf({ rollups: { song_plays: { ...songPlays, time: 'at' } } })
    await strata.apply()
    expect(await strata.rollup.status()).toMatchObject([{ state: 'filling' }])
    expect(await rowsOf(`select to_regclass('song_plays') as view`)).toEqual([{ view: null }])
    const shares: number[] = []
    const stop = new AbortController()
    await expect(
      strata.rollup.fill('song_plays', {
        signal: stop.signal,
        onProgress: ({ share }) => {
          shares.push(share)
          if (shares.length === 3) stop.abort()
        },
      }),
    ).rejects.toMatchObject({ code: 'INTERRUPTED' })
    await run(db, `update plays set amount = 2 where song = 1`, `delete from plays where song = 2`)
    // Two at once: one of them finds that it was done.
    await Promise.all([
      strata.rollup.fill('song_plays', { onProgress: ({ share }) => shares.push(share) }),
      strata.rollup.fill('song_plays'),
    ])
    expect(shares.at(-1)).toBe(1)
    expect(await strata.rollup.verify('song_plays')).toMatchObject({ different: 0 })
    expect(await rowsOf('select sum(plays)::int as plays, sum(earned)::int as earned from song_plays')).toEqual([
      { plays: rows * 0.98, earned: rows },
    ])
    expect((await strata.plan()).steps).toEqual([])
  })

  test('what triggers did not see is found by verify, and mended; what was dropped below the floor stays', async () => {
    await run(
      db,
      `create table plays (song int, at timestamptz not null, amount numeric) partition by range (at)`,
      `create table plays_a partition of plays for values from ('2026-01-01Z') to ('2026-02-01Z')`,
      `create table plays_b partition of plays for values from ('2026-02-01Z') to ('2026-03-01Z')`,
      `insert into plays select 1, '2026-01-01 00:00Z'::timestamptz + n * interval '6 hours', 1 from generate_series(0, 200) n`,
    )
    const strata = strataOf({ rollups: { song_plays: { ...songPlays, time: 'at' } } })
    await strata.apply()
    await db.withSession(async (session) => {
      await run(session, 'set session_replication_role = replica', `delete from plays where at = '2026-02-03 12:00Z'`)
      await run(session, 'reset session_replication_role')
    })
    await run(db, 'drop table plays_a')
    const found = await strata.rollup.verify('song_plays')
    expect(found).toMatchObject({ different: 1, repaired: 0 })
    expect(await rowsOf(`select '${found.from ?? ''}'::timestamptz = '2026-02-03 12:00Z' as right`)).toEqual([
      { right: true },
    ])
    expect(await strata.rollup.verify('song_plays', { fix: true })).toMatchObject({ different: 1, repaired: 1 })
    expect(await strata.rollup.verify('song_plays')).toMatchObject({ different: 0 })
    expect(await rowsOf('select sum(plays)::int as plays from song_plays')).toEqual([{ plays: 200 }])
  })

  test('without buckets it is the same as a partitioned source, or nobody can tell why it is not', async () => {
    await run(
      db,
      `create table plays (song int, at timestamptz not null) partition by range (at)`,
      `create table plays_a partition of plays for values from ('2026-01-01Z') to ('2026-02-01Z')`,
      `create table plays_b partition of plays for values from ('2026-02-01Z') to ('2026-03-01Z')`,
      `insert into plays select n % 3, '2026-01-01Z'::timestamptz + n * interval '6 hours' from generate_series(0, 200) n`,
    )
    const strata = strataOf({
      rollups: { of_songs: { from: 'plays', by: ['song'], measures: { plays: { kind: 'count' } } } },
    })
    await strata.apply()
    expect(await strata.rollup.verify('of_songs')).toMatchObject({ keys: 3, different: 0 })
    await expect(strata.rollup.verify('of_songs', { fix: true })).rejects.toThrow('cannot be repaired')
    await expect(strata.rollup.rebuild('of_songs')).rejects.toThrow('cannot be built anew')
    await run(db, `delete from plays where song = 0 and at < '2026-02-01Z'`, 'drop table plays_a')
    await expect(strata.rollup.verify('of_songs')).rejects.toThrow('differs from its source in 2 keys')
    expect(await rowsOf('select sum(plays)::int as plays from of_songs')).toEqual([{ plays: 159 }])
  })

  test('a column that it uses is neither dropped nor changed under it; others are', async () => {
    await run(db, 'create table plays (song int, at timestamptz not null, amount numeric, note text)')
    await strataOf({ rollups: { song_plays: { ...songPlays, time: 'at' } } }).apply()
    await run(db, 'alter table plays drop column note')
    await expect(run(db, 'alter table plays drop column amount')).rejects.toMatchObject({ code: '2BP01' })
    await expect(run(db, 'alter table plays alter column song type bigint')).rejects.toMatchObject({ code: '0A000' })
    await expect(run(db, 'drop table plays')).rejects.toMatchObject({ code: '2BP01' })
    await run(db, `insert into plays values (1, now(), 1)`)
    expect(await rowsOf('select plays::int from song_plays')).toEqual([{ plays: 1 }])
  })

  test('whoever may read the table may read the rollup, and nobody else', async () => {
    await run(
      db,
      `do $$ begin create role pgstrata_rollup_reader nologin; exception when duplicate_object or unique_violation then null; end $$`,
      'create table plays (song int, at timestamptz not null, amount numeric)',
      'grant select on plays to pgstrata_rollup_reader',
      'create table closed (song int)',
    )
    const closed = { from: 'closed', measures: { n: { kind: 'count' } } } as const
    await strataOf({ rollups: { song_plays: { ...songPlays, time: 'at' }, of_closed: closed } }).apply()
    await run(db, `insert into plays values (1, now(), 1)`, 'insert into closed values (1)')
    await db.withSession(async (session) => {
      await run(session, 'set role pgstrata_rollup_reader')
      await run(session, 'select from song_plays', 'select from song_plays_parts', 'select from song_plays_merged')
      await expect(run(session, 'select from of_closed')).rejects.toMatchObject({ code: '42501' })
      await run(session, 'reset role')
    })
  })

  test('declared no more it is dropped, with its triggers; the others on the table go on', async () => {
    await run(db, 'create table plays (song int, at timestamptz not null, amount numeric)')
    const in_all = { from: 'plays', measures: { n: { kind: 'count' } } } as const
    await strataOf({ rollups: { song_plays: { ...songPlays, time: 'at' }, in_all } }).apply()
    await strataOf({ rollups: { in_all } }).apply()
    await run(db, `insert into plays values (1, now(), 1)`)
    expect(await rowsOf('select n::int from in_all')).toEqual([{ n: 1 }])
    expect(await rowsOf(`select to_regclass('song_plays_merged') as gone`)).toEqual([{ gone: null }])
    const last = strataOf({})
    await last.apply()
    expect(await rowsOf(`select tgname from pg_trigger where tgrelid = 'plays'::regclass`)).toEqual([])
    expect((await last.plan()).steps).toEqual([])
    await run(db, `insert into plays values (1, now(), 1)`, 'drop table plays')
  })

  test('what cannot be kept, or is declared of another table, is held back with the reason', async () => {
    await run(db, 'create table plays (song int, at timestamptz, amount float8)')
    const n = { kind: 'count' } as const
    const strata = strataOf({
      rollups: {
        song_plays: { ...songPlays, time: 'at', measures: { n } },
        floats: { from: 'plays', measures: { n: { kind: 'sum', of: 'amount' } } },
      },
    })
    expect((await strata.plan()).held).toMatchObject([
      { what: 'rollup song_plays', why: expect.stringContaining('may be null') },
      { what: 'rollup floats', why: expect.stringContaining('floating point') },
    ])
    const counted = { from: 'plays', measures: { n } } as const
    await strataOf({ rollups: { counted } }).apply()
    const other = strataOf({ rollups: { counted: { ...counted, by: ['song'] } } })
    expect((await other.plan()).held).toMatchObject([
      { what: 'rollup counted', why: expect.stringContaining('another way') },
    ])
    expect(await other.rollup.status()).toMatchObject([{ state: 'changed' }])
    // Declared on another table it goes on as it is kept, and so do the others.
    await run(db, 'create table others (song int)')
    const more = { from: 'plays', by: ['song'], measures: { n } } as const
    const moved = strataOf({ rollups: { counted: { ...counted, from: 'others', where: 'song > 0' }, more } })
    await moved.apply()
    const again = await moved.plan()
    expect(again.steps).toEqual([])
    expect(again.held).toMatchObject([{ what: 'rollup counted' }])
    await run(db, 'insert into plays values (1)', 'call pgstrata.merge()')
    const kept = `select (select n::int from counted) as counted, (select sum(n)::int from more) as more, (select count(*)::int from plays) as plays, (select count(*)::int from pgstrata.counted_delta) as pending`
    const [row] = (await rowsOf(kept)) as { counted: number; more: number; plays: number; pending: number }[]
    expect(row).toEqual({ counted: row?.plays, more: row?.plays, plays: row?.plays, pending: 0 })
  })
})
