// Each check on what tables hold, and on what was counted of them, finds its situation and nothing beside it; what it says
// mends it. Counters are real: rows are written, deleted and read.

import { expect, test } from 'vitest'
import type { Db } from '../../../src/db/db.ts'
import { openDb } from '../../../src/db/pg-db.ts'
import { sql } from '../../../src/sql/sql.ts'
import { describeOnEachVersion, type TestDatabase } from '../../support/postgres.ts'
import type { Finding } from '../../../src/advise/model.ts'
import { waitUntil } from '../../support/wait.ts'
import { about, ask, everything, mendAndBack, run, script, subjects, withRole } from './support.ts'

/** Nothing but the test moves the counters. */
const off = 'with (autovacuum_enabled = false)'

async function quiet({ db }: TestDatabase): Promise<void> {
  await script(
    db,
    `create table calm (id int primary key); insert into calm select generate_series(1, 100); vacuum analyze calm;`.split(
      'vacuum',
    )[0] ?? '',
  )
  await db.query(sql`vacuum analyze calm`)
}

describeOnEachVersion(
  'checks on tables',
  (version, database) => {
    test('dead-rows and vacuum-due: what is dead is cleared', async () => {
      await script(
        database().db,
        `create table "Dying" (id int) ${off};
        insert into "Dying" select generate_series(1, 1000);`,
      )
      await database().db.query(sql`vacuum analyze "Dying"`)
      await script(database().db, `delete from "Dying" where id <= 900`)
      expect(await ask(database().db, 'dead-rows')).toEqual([])
      expect(await ask(database().db, 'vacuum-due')).toEqual([])
      const dead = about(
        await ask(database().db, 'dead-rows', { limits: { warn: 0.2, critical: 0.5, least: 100 } }),
        'table public."Dying"',
      )
      expect(dead).toMatchObject({ gravity: 'critical', evidence: { deadRows: 900, liveRows: 100, deadRatio: 0.9 } })
      // 50 + 0.2 × 1,000 by default; the table's own settings count.
      const limits = { warn: 2, critical: 10, least: 100 }
      const due = about(await ask(database().db, 'vacuum-due', { limits }), 'table public."Dying"')
      expect(due.evidence).toMatchObject({ triggerRows: 250, timesTrigger: 3.6 })
      await database().db.query(sql`alter table "Dying" set (autovacuum_vacuum_scale_factor = 0.9)`)
      expect(await ask(database().db, 'vacuum-due', { limits })).toEqual([])
      await database().db.query(sql`alter table "Dying" reset (autovacuum_vacuum_scale_factor)`)
      await run(database().db, dead.fix)
      expect(await ask(database().db, 'dead-rows', { limits })).toEqual([])
      expect(await ask(database().db, 'vacuum-due', { limits })).toEqual([])
    })

    test('never-vacuumed and never-analysed: until it is', async () => {
      await script(
        database().db,
        `create table fresh (id int) ${off}; insert into fresh select generate_series(1, 2000);
        create table parent (id int) partition by range (id);
        create table parent_1 partition of parent for values from (0) to (9000) ${off};
        insert into parent select generate_series(1, 2000);`,
      )
      await database().db.query(sql`vacuum analyze parent_1`)
      expect(await ask(database().db, 'never-vacuumed')).toEqual([])
      expect(subjects(await ask(database().db, 'never-vacuumed', { limits: { ...everything, least: 1_000 } }))).toEqual(
        ['table public.fresh'],
      )
      expect(subjects(await ask(database().db, 'never-analysed')).toSorted()).toEqual([
        'table public.fresh',
        'table public.parent',
      ])
      await mendAndBack(database().db, 'never-analysed', 'table public.parent')
      // Vacuum alone leaves no statistics.
      await database().db.query(sql`vacuum fresh`)
      expect(subjects(await ask(database().db, 'never-analysed'))).toEqual(['table public.fresh'])
      await mendAndBack(database().db, 'never-analysed', 'table public.fresh')
      expect(await ask(database().db, 'never-vacuumed', { limits: { ...everything, least: 1_000 } })).toEqual([])
    })

    test('stale-statistics: by the settings of the table, once the last ANALYZE is old enough', async () => {
      await script(
        database().db,
        `create table moved (id int) ${off}; insert into moved select generate_series(1, 1000);`,
      )
      await database().db.query(sql`analyze moved`)
      await script(database().db, `update moved set id = id + 1`)
      expect(await ask(database().db, 'stale-statistics')).toEqual([])
      const limits = { warn: 1, critical: 10, least: 0 }
      const found = about(await ask(database().db, 'stale-statistics', { limits }), 'table public.moved')
      expect(found.evidence).toMatchObject({ changedRows: 1_000, triggerRows: 150 })
      await database().db.query(sql`alter table moved set (autovacuum_analyze_threshold = 5000)`)
      expect(subjects(await ask(database().db, 'stale-statistics', { limits }))).toEqual([])
      await database().db.query(sql`alter table moved reset (autovacuum_analyze_threshold)`)
      await mendAndBack(database().db, 'stale-statistics', 'table public.moved', { limits })
    })

    test('autovacuum-off: for a table', async () => {
      await script(database().db, `create table left_alone (id int) ${off}`)
      const found = await mendAndBack(database().db, 'autovacuum-off', 'table public.left_alone')
      expect(found.gravity).toBe('warn')
    })

    test('freeze-age and multixact-age: the oldest tables, frozen', async () => {
      await script(database().db, `create table aged (id int) ${off}; insert into aged values (1);`)
      for (const name of ['freeze-age', 'multixact-age']) expect(await ask(database().db, name)).toEqual([])
      const { rows } = await database().db.query<{ age: number }>(
        sql`select age(relfrozenxid)::float8 as age from pg_class where oid = 'aged'::regclass`,
      )
      // So that the table's own age, and no other's, is what is past the mark.
      const limits = { warn: 0, critical: 1, least: 0 }
      const all = await ask(database().db, 'freeze-age', { limits })
      expect(subjects(all)).toContain(`database ${database().name}`)
      await database().db.query(sql`select pg_current_xact_id()`)
      await database().db.query(sql`vacuum (freeze) aged`)
      const after = await database().db.query<{ age: number }>(
        sql`select age(relfrozenxid)::float8 as age from pg_class where oid = 'aged'::regclass`,
      )
      expect(after.rows[0]?.age).toBeLessThanOrEqual((rows[0]?.age ?? 0) + 1)
      expect(all.find(({ subject }) => subject.startsWith('table'))?.fix[0]).toMatch(/^vacuum \(freeze\) "/)
      expect(subjects(await ask(database().db, 'multixact-age', { limits }))).toContain(`database ${database().name}`)
    })

    test('hot-updates: leaves place in new pages', async () => {
      await script(
        database().db,
        `create table hot (id int primary key, n int, pad text) ${off};
        create index on hot (n);
        insert into hot select n, n, 'x' from generate_series(1, 500) n;
        create table well (id int primary key, n int) with (autovacuum_enabled = false, fillfactor = 50);
        insert into well select n, n from generate_series(1, 500) n;`,
      )
      await script(database().db, `update hot set n = n + 1; update well set n = n + 1;`)
      expect(await ask(database().db, 'hot-updates')).toEqual([])
      const limits = { warn: 0.5, critical: Infinity, least: 100 }
      const found = about(await ask(database().db, 'hot-updates', { limits }), 'table public.hot')
      expect(found.evidence).toMatchObject({ updates: 500, hotRatio: 0, indexes: 2 })
      expect(subjects(await ask(database().db, 'hot-updates', { limits }))).not.toContain('table public.well')
      await run(database().db, found.fix)
      expect(about(await ask(database().db, 'hot-updates', { limits }), 'table public.hot').fix).toEqual([])
      await run(database().db, found.undo)
      expect(about(await ask(database().db, 'hot-updates', { limits }), 'table public.hot').fix).toEqual(found.fix)
    })

    test.each(version < 16 ? [] : [version])('new-page-updates: where the page was full (%i)', async () => {
      await script(
        database().db,
        `create table full_pages (id int primary key, pad text) ${off};
        insert into full_pages select n, repeat('x', 100) from generate_series(1, 1000) n;`,
      )
      await script(database().db, `update full_pages set pad = repeat('y', 100)`)
      expect(await ask(database().db, 'new-page-updates')).toEqual([])
      const limits = { warn: 0.2, critical: Infinity, least: 100 }
      expect(about(await ask(database().db, 'new-page-updates', { limits }), 'table public.full_pages').fix).toEqual([
        'alter table "public"."full_pages" set (fillfactor = 90)',
      ])
    })

    test('table-bloat and index-bloat: the estimate is near the truth, and gone when written anew', async () => {
      await script(
        database().db,
        `create table bloated (id int primary key, n int, pad text) ${off};
        create index bloated_n on bloated (n);
        insert into bloated select n, n, repeat('x', 100) from generate_series(1, 20000) n;
        create table apart (n int, exclude using btree (n with =)) ${off};
        insert into apart select generate_series(1, 20000);
        create table dense (id int primary key, pad text);
        insert into dense select n, repeat('x', 100) from generate_series(1, 20000) n;`,
      )
      await script(database().db, `delete from bloated where id % 5 <> 0; delete from apart where n % 5 <> 0;`)
      await database().db.query(sql`vacuum (analyze) apart`)
      await database().db.query(sql`vacuum (analyze) bloated`)
      await database().db.query(sql`vacuum (analyze) dense`)
      expect(await ask(database().db, 'table-bloat')).toEqual([])
      expect(await ask(database().db, 'index-bloat')).toEqual([])
      const limits = { warn: 0.3, critical: 0.5, least: 65_536 }
      const table = about(await ask(database().db, 'table-bloat', { limits }), 'table public.bloated')
      expect(table.evidence['wastedRatio']).toBeGreaterThan(0.75)
      expect(table.evidence['wastedRatio']).toBeLessThan(0.85)
      expect(subjects(await ask(database().db, 'table-bloat', { limits }))).not.toContain('table public.dense')
      const indexes = await ask(database().db, 'index-bloat', { limits })
      expect(subjects(indexes)).not.toContain('index public.dense_pkey')
      // An exclusion constraint's cannot be built anew while it is used.
      expect(subjects(indexes)).not.toContain('index public.apart_n_excl')
      expect(about(indexes, 'index public.bloated_n').evidence['wastedRatio']).toBeGreaterThan(0.7)
      await mendAndBack(database().db, 'index-bloat', 'index public.bloated_n', { limits })
      await database().db.query(sql`drop table apart`)
      await database().db.query(sql`vacuum (full, analyze) bloated`)
      expect(await ask(database().db, 'table-bloat', { limits })).toEqual([])
    })

    test('buffer-hit and index-hit: only from enough blocks on', async () => {
      expect(await ask(database().db, 'buffer-hit')).toEqual([])
      expect(await ask(database().db, 'index-hit')).toEqual([])
      const [found] = await ask(database().db, 'buffer-hit', { limits: everything })
      const { rows } = await database().db.query<{ ratio: number }>(
        sql`select blks_hit / (blks_hit + blks_read)::float8 as ratio from pg_stat_database where datname = current_database()`,
      )
      expect(found?.evidence['hitRatio']).toBeCloseTo(rows[0]?.ratio ?? -1, 2)
      await script(database().db, `set enable_seqscan = off; select count(*) from calm where id = 7;`)
      expect(
        about(await ask(database().db, 'index-hit', { limits: everything }), 'index public.calm_pkey').evidence,
      ).toHaveProperty('blocks')
    })

    test('rollbacks: of enough transactions', async () => {
      await database().db.query(sql`select pg_stat_reset()`)
      for (let n = 0; n < 10; n += 1) await script(database().db, 'begin; select count(*) from calm; rollback;')
      expect(await ask(database().db, 'rollbacks')).toEqual([])
      const [found] = await ask(database().db, 'rollbacks', { limits: { warn: 0.1, critical: 0.9, least: 10 } })
      expect(found?.evidence['rolledBack']).toBeGreaterThanOrEqual(10)
      expect(found?.evidence['since']).toEqual(expect.stringMatching(/^\d{4}-/))
    })

    test('temp-files: by what is written in an hour; as much work_mem as the files needed, and no more when it is asked again', async () => {
      const small =
        "set work_mem = '64kB'; select count(*) from (select n from generate_series(1, 200000) n order by n % 7) s;"
      await script(database().db, small)
      expect(await ask(database().db, 'temp-files')).toEqual([])
      const limits = { warn: 0, critical: Infinity, least: 1, leastHours: 0 }
      const [enough] = await ask(database().db, 'temp-files', { limits })
      expect(enough?.evidence['meanFileBytes']).toBeGreaterThan(1_000_000)
      await database().db.query(sql`alter database ${sql.ident(database().name)} set work_mem = '64kB'`)
      const meanBytes = Number(enough?.evidence['meanFileBytes'])
      const wanted = `'${Math.ceil((meanBytes * 2.5) / 1_048_576)}MB'`
      const asked = async (): Promise<Finding | undefined> => {
        // What a database says counts for new sessions.
        const db = openDb({ url: database().url, max: 1 })
        try {
          return (await ask(db, 'temp-files', { limits }))[0]
        } finally {
          await db.close()
        }
      }
      const found = await asked()
      const alter = `alter database "${database().name}" set work_mem =`
      expect(found).toMatchObject({ fix: [`${alter} ${wanted}`], undo: [`${alter} '64kB'`] })
      await run(database().db, found?.fix ?? [])
      expect((await asked())?.fix).toEqual([])
      await database().db.query(sql`alter database ${sql.ident(database().name)} reset work_mem`)
      await database().db.query(sql`select pg_stat_reset()`)
      expect(await ask(database().db, 'temp-files', { limits })).toEqual([])
    })

    test('never-analysed: nothing is claimed of statistics that row security hides', async () => {
      await script(
        database().db,
        `create table hidden (id int) ${off}; insert into hidden select generate_series(1, 2000);
        create table seen (id int) ${off}; insert into seen select generate_series(1, 2000);`,
      )
      await database().db.query(sql`vacuum hidden`)
      await database().db.query(sql`vacuum seen`)
      await withRole(database(), async (role, db) => {
        await database().db.query(sql`grant select on hidden, seen to ${sql.ident(role)}`)
        const own = async (): Promise<readonly string[]> =>
          subjects(await ask(db, 'never-analysed')).filter((one) => /hidden|seen/.test(one))
        expect((await own()).toSorted()).toEqual(['table public.hidden', 'table public.seen'])
        await script(database().db, 'analyze hidden; alter table hidden enable row level security;')
        expect(await own()).toEqual(['table public.seen'])
      })
      await script(database().db, 'drop table hidden, seen')
    })

    test('a setting is changed where the role may: for the server, the database, itself, or not by SQL', async () => {
      const limits = everything
      const cost = async (db: Db): Promise<Finding> =>
        about(await ask(db, 'default-settings', { limits }), 'random_page_cost')
      await withRole(database(), async (role, db) => {
        const own = `alter role "${role}"`
        expect(await cost(db)).toMatchObject({
          fix: [`${own} set random_page_cost = 1.1`],
          undo: [`${own} reset random_page_cost`],
          advice: expect.stringContaining("in the provider's parameter group"),
        })
        await run(db, (await cost(db)).fix)
        await run(db, (await cost(db)).undo)
        const before = await database().db.query<{ owner: string }>(sql`select current_user as owner`)
        const alter = (to: string): Promise<unknown> =>
          database().db.query(sql`alter database ${sql.ident(database().name)} owner to ${sql.ident(to)}`)
        await alter(role)
        expect((await cost(db)).fix).toEqual([`alter database "${database().name}" set random_page_cost = 1.1`])
        await database().db.query(sql`grant alter system on parameter random_page_cost to ${sql.ident(role)}`)
        expect(await cost(db)).toMatchObject({
          fix: ['alter system set random_page_cost = 1.1'],
          advice: expect.stringContaining('which this role may not call'),
        })
        await database().db.query(sql`grant execute on function pg_reload_conf() to ${sql.ident(role)}`)
        expect((await cost(db)).fix).toEqual(['alter system set random_page_cost = 1.1', 'select pg_reload_conf()'])
        // Of what no session can be given there is nothing but the server's own settings.
        const timing = about(await ask(db, 'io-timing-off'), 'track_io_timing')
        expect(timing).toMatchObject({ fix: [], advice: expect.stringContaining('set track_io_timing = on where') })
        await database().db.query(sql`revoke execute on function pg_reload_conf() from ${sql.ident(role)}`)
        await database().db.query(sql`revoke alter system on parameter random_page_cost from ${sql.ident(role)}`)
        await alter(before.rows[0]?.owner ?? '')
      })
    })

    test('what is read leaves no rollbacks behind', async () => {
      const count = async (): Promise<number> => {
        const { rows } = await database().db.query<{ count: number }>(
          sql`select xact_rollback::float8 as count from pg_stat_database where datname = current_database()`,
        )
        return rows[0]?.count ?? -1
      }
      await script(database().db, 'select 1')
      const before = await count()
      const db = openDb({ url: database().url, max: 1 })
      const pid = await db.withSession((session) => Promise.resolve(session.pid))
      for (let n = 0; n < 5; n += 1) await ask(db, 'many-indexes')
      // Closed, it has told all that it counted.
      await db.close()
      await waitUntil(
        async () => (await database().db.query(sql`select from pg_stat_activity where pid = ${pid}`)).rows.length === 0,
        { what: 'its session is gone' },
      )
      await script(database().db, 'select 1')
      expect(await count()).toBe(before)
    })

    test('slow-statements: by their queryid, with what they take', async () => {
      await database().db.query(sql`create schema "Stat, is"`)
      await database().db.query(sql`create extension pg_stat_statements schema "Stat, is"`)
      await script(
        database().db,
        `set pg_stat_statements.track = 'all';
        do $$ begin for n in 1..5 loop perform pg_sleep(0.005) from pg_class where relname = 'calm'; end loop; end $$;`,
      )
      expect(await ask(database().db, 'slow-statements')).toEqual([])
      const limits = { warn: 4, critical: 500, least: 5 }
      const [found, ...others] = await ask(database().db, 'slow-statements', { limits })
      expect(others).toEqual([])
      expect(found?.evidence).toMatchObject({ calls: 5 })
      expect(found?.evidence['meanMs']).toBeGreaterThanOrEqual(5)
      const { rows } = await database().db.query<{ query: string }>(
        sql`select query from "Stat, is".pg_stat_statements where queryid = ${found?.evidence['queryid']}::int8`,
      )
      expect(rows[0]?.query).toContain('pg_sleep')
    })

    test('default-settings: only once the data have outgrown them', async () => {
      expect(await ask(database().db, 'default-settings')).toEqual([])
      const findings = await ask(database().db, 'default-settings', { limits: everything })
      expect(about(findings, 'random_page_cost').undo).toEqual([
        'alter system reset random_page_cost',
        'select pg_reload_conf()',
      ])
    })
  },
  quiet,
)
