// Whoever writes to the source, whatever they may do, have set or have made: the same is noted, and nothing is gained by it.

import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { Db, Session } from '../../src/db/db.ts'
import { grantsOf } from '../../src/rollups/kept/grants.ts'
import { functionOf } from '../../src/rollups/model/names.ts'
import { sql } from '../../src/sql/sql.ts'
import { sqlstateOf } from '../../src/sql/sqlstate.ts'
import { testDatabase, versions, type TestDatabase } from '../support/postgres.ts'
import { differences, install, measure, rollupOf, run } from './support.ts'

describe.each(versions)('writers on PostgreSQL %d', (version) => {
  let database: TestDatabase
  let db: Db
  const suffix = Math.random().toString(36).slice(2, 10)
  const writer = `rollup_writer_${version}_${suffix}`
  const reader = `rollup_reader_${version}_${suffix}`
  const owner = `rollup_owner_${version}_${suffix}`

  beforeEach(async () => {
    database = await testDatabase(version)
    db = database.db
    await run(
      db,
      `create role ${writer}`,
      `create role ${reader}`,
      `create role ${owner}`,
      `create table plays (id int generated always as identity, song int, at timestamptz not null, day date not null default '2026-03-29', amount numeric, kind text, weight float8, span interval, raw bytea default '\\x0a')`,
      `grant select, insert, update, delete, truncate on plays to ${writer}`,
      `grant create on schema public to ${writer}`,
    )
  })
  afterEach(async () => {
    await run(db, `drop owned by ${writer}, ${reader}, ${owner} cascade`, `drop role ${writer}, ${reader}, ${owner}`)
    await database.close()
  })

  const rollups = [
    rollupOf({
      measures: [
        measure('plays', 'count'),
        measure('earned', 'sum', { of: 'amount + 1' }),
        measure('of_a', 'count', { filter: "kind like 'a\\b%' escape '!'" }),
        measure('thirds', 'count', { filter: "weight::text = '0.1' or weight::text = '0.30000000000000004'" }),
        measure('days', 'count', { filter: "span = interval '1 day' and raw::text = '\\x0a'" }),
        measure('late', 'count', { filter: "at > timestamptz '2026-03-02 00:00' and span > interval '-1 days +2:00'" }),
      ],
    }),
    rollupOf({
      name: 'by_day',
      bucket: { column: 'day', span: { unit: 'week', count: 1 }, zone: 'UTC' },
      by: ['kind'],
    }),
    rollupOf({
      name: 'berlin',
      bucket: { column: 'at', span: { unit: 'day', count: 1 }, zone: 'Europe/Berlin' },
      by: [],
    }),
    rollupOf({ name: 'utc', bucket: { column: 'at', span: { unit: 'day', count: 1 }, zone: 'UTC' }, by: [] }),
    rollupOf({
      name: 'six',
      bucket: { column: 'at', span: { unit: 'hour', count: 6 }, zone: 'Asia/Kathmandu' },
      by: [],
    }),
  ]
  const writes = [
    `insert into public.plays (song, at, amount, kind, weight, span) values (1, '2026-03-29 00:30+00', 5, 'a\\b', 0.1, '24:00'), (2, '2026-03-28 22:59+00', 'NaN', 'ab', 0.1::float8 + 0.2::float8, '1 day'), (3, '2026-03-29 23:59+00', 2, 'a\\bc', 0.1::float8 + 0.2::float8, '1 day')`,
    `update public.plays set amount = amount operator(pg_catalog.+) 1, kind = 'a\\b' where song operator(pg_catalog.=) 1`,
    `delete from public.plays where song operator(pg_catalog.=) 2`,
  ]

  async function as(role: string, work: (session: Session) => Promise<void>): Promise<void> {
    await db.withSession(async (session) => {
      await run(session, `set role ${role}`)
      try {
        await work(session)
      } finally {
        await run(session, 'reset role', 'reset all', 'discard temp')
      }
    })
  }

  test.each([
    "timezone = 'Pacific/Kiritimati'",
    "timezone = 'UTC+5'",
    "datestyle = 'SQL, DMY'",
    "intervalstyle = 'iso_8601'",
    "intervalstyle = 'sql_standard'",
    'extra_float_digits = -3',
    "bytea_output = 'escape'",
    'standard_conforming_strings = off',
    'plan_cache_mode = force_generic_plan',
    'transform_null_equals = on',
    "plpgsql.extra_errors = 'all'",
    "work_mem = '64kB'",
    'row_security = off',
    'enable_hashagg = off',
    'default_transaction_isolation = serializable',
    "search_path = ''",
  ])('a role that may only write, with %s', async (setting) => {
    const shapes = await install(db, rollups)
    await as(writer, async (session) => {
      await run(session, `set ${setting}`)
      for (const write of writes) {
        const scs = setting.startsWith('standard') ? write.replaceAll('\\', '\\\\') : write
        await run(session, scs)
      }
    })
    const counted = await db.query(
      sql`select sum(thirds) as thirds, sum(of_a) as of_a, sum(days) as days from song_plays`,
    )
    expect(counted.rows).toEqual([{ thirds: '2', of_a: '2', days: '2' }])
    expect(await differences(db, ...shapes)).toEqual([])
  })

  test('a search_path with other operators, functions, types and tables of the same names', async () => {
    const shapes = await install(db, rollups)
    await as(writer, async (session) => {
      await run(
        session,
        `create function public.evil(numeric, int) returns numeric language sql as 'select 666'`,
        `create operator public.+ (function = public.evil, leftarg = numeric, rightarg = int)`,
        `create function public.sum(numeric) returns numeric language sql as 'select 666'`,
        `create function public.date_trunc(text, timestamptz, text) returns timestamptz language sql as 'select null::timestamptz'`,
        `create function public.thief() returns boolean language plpgsql as $$ begin raise exception 'as %', current_user; end $$`,
        `create domain pg_temp.date as pg_catalog.date check (public.thief())`,
        `create domain pg_temp.text as pg_catalog.text check (public.thief())`,
        `create domain pg_temp.timestamptz as pg_catalog.timestamptz check (public.thief())`,
        `create domain pg_temp.tid as pg_catalog.tid check (public.thief())`,
        `create temporary table new_rows (like plays)`,
        `create temporary table old_rows (like plays)`,
        `create temporary table plays (like public.plays)`,
        `set search_path = pg_temp, public, pg_catalog`,
        ...writes,
        'truncate public.plays',
        ...writes,
      )
    })
    // The truth is computed without them.
    await run(
      db,
      'drop operator public.+ (numeric, int)',
      'drop function public.sum(numeric), public.evil(numeric, int)',
    )
    await run(db, 'drop function public.date_trunc(text, timestamptz, text)')
    expect(await differences(db, ...shapes)).toEqual([])
  })

  test('a role that may only TRUNCATE', async () => {
    const shapes = await install(db, rollups)
    await run(db, ...writes, `revoke all on plays from ${writer}`, `grant truncate on plays to ${writer}`)
    await as(writer, async (session) => await run(session, 'truncate plays'))
    expect(await differences(db, ...shapes)).toEqual([])
    expect((await db.query(sql`select from song_plays`)).rowCount).toBe(0)
  })

  test('nobody else hangs a function of the capture on a table of their own, or calls it', async () => {
    await install(db, rollups)
    const name = functionOf({ schema: 'public', table: 'plays' }, 'insert')
    await run(db, `grant usage on schema pgstrata to ${writer}`)
    await as(writer, async (session) => {
      await run(session, 'create table mine (like plays)')
      const made = await run(
        session,
        `create trigger t after insert on mine referencing new table as new_rows for each statement execute function ${name}()`,
      ).catch(sqlstateOf)
      expect(made).toBe('42501')
    })
  })

  test('who may read the source may read its rollups, which belong to its owner; who may write it may not', async () => {
    const strange = `"Strange ""role ${suffix}"`
    await run(
      db,
      `create role ${strange}`,
      `alter table plays owner to ${owner}`,
      `revoke select on plays from ${writer}`,
      `grant select on plays to ${reader} with grant option`,
      `grant select on plays to ${strange}`,
      `grant select (song) on plays to ${writer}`,
    )
    const [shape] = await install(db, rollups.slice(0, 1))
    expect.assert(shape !== undefined)
    await run(db, ...(await grantsOf(db, shape)))
    for (const role of [reader, strange, owner]) {
      await as(role, async (session) => {
        for (const of of ['song_plays', 'song_plays_parts', 'song_plays_merged']) await run(session, `table ${of}`)
        expect(await run(session, 'insert into song_plays_merged default values').catch(sqlstateOf)).toBe(
          role === owner ? '23502' : '42501',
        )
      })
    }
    await as(writer, async (session) => {
      await run(session, ...writes.slice(0, 1))
      for (const of of ['song_plays', 'song_plays_parts', 'song_plays_merged', 'pgstrata.song_plays_delta'])
        expect(await run(session, `table ${of}`).catch(sqlstateOf)).toBe('42501')
    })
    await run(db, `grant select on plays to public`)
    await run(db, ...(await grantsOf(db, shape)))
    await as(writer, async (session) => await run(session, 'table song_plays', 'table song_plays_merged'))
    expect(await differences(db, shape)).toEqual([])
    await run(db, `drop owned by ${strange}`, `drop role ${strange}`)
  })

  test('what is counted is counted as the owner of the source, not as who applied it', async () => {
    await run(
      db,
      `create function who(n numeric) returns numeric immutable language plpgsql as $$ begin if current_user <> '${owner}' then raise exception 'as %', current_user; end if; return n; end $$`,
      `alter table plays owner to ${owner}`,
    )
    const [shape] = await install(db, [rollupOf({ measures: [measure('earned', 'sum', { of: 'who(amount)' })] })])
    expect.assert(shape !== undefined)
    await run(db, ...(await grantsOf(db, shape)))
    await as(writer, async (session) => await run(session, ...writes, 'truncate plays', ...writes))
    expect((await db.query(sql`select earned from song_plays order by song`)).rows).toEqual([
      { earned: '6' },
      { earned: '2' },
    ])
  })
})
