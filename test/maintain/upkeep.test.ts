// The jobs that keep statistics, ages, indexes and the history, on tables that need it and on tables that do not.

import { expect, test } from 'vitest'
import { onlyRow, type Db } from '../../src/db/db.ts'
import { transaction } from '../../src/db/transaction.ts'
import { analyzeJob } from '../../src/maintain/jobs/analyze.ts'
import { freezeJob } from '../../src/maintain/jobs/freeze.ts'
import { historyJob } from '../../src/maintain/jobs/history.ts'
import { reindexJob } from '../../src/maintain/jobs/reindex.ts'
import { sql } from '../../src/sql/sql.ts'
import { describeOnEachVersion } from '../support/postgres.ts'
import { waitUntil } from '../support/wait.ts'
import { daemon, install } from './support.ts'

/** Counts of changes come to the other sessions a moment after the commit. */
async function untilCounted(db: Db, table: string, changes: number): Promise<void> {
  await waitUntil(
    async () =>
      (
        await db.query(sql`
          select from pg_stat_user_tables
          where relname = ${table}
            and n_tup_ins + n_tup_upd + n_tup_del >= ${changes}`)
      ).rows.length > 0,
    { what: `the statistics of ${table}` },
  )
}

const isThere = async (db: Db, index: string): Promise<boolean> =>
  (await db.query(sql`select from pg_class where relname = ${index}`)).rows.length > 0

describeOnEachVersion(
  'upkeep',
  (version, database) => {
    test('analyze: a partitioned table whose partitions changed, and again only after further changes', async () => {
      const { db, url } = database()
      await db.query(sql`
        create table "Play" (at date not null, song int) partition by range (at);
        create table play_1 partition of "Play" for values from ('2026-01-01') to ('2026-02-01')
          with (autovacuum_enabled = false);
        create table quiet (n int);
        insert into "Play" select '2026-01-15', n from generate_series(1, 1000) n`)
      await untilCounted(db, 'play_1', 1_000)
      const jobs = daemon(url, [analyzeJob()])
      const first = await jobs.runNow('analyze')
      expect(first).toMatchObject({ state: 'done', warnings: [] })
      const [run] = await jobs.history('analyze')
      expect(run?.details['tables']).toEqual(
        expect.arrayContaining(['"public"."Play"'].concat(version >= 18 ? '"public"."play_1"' : [])),
      )
      expect(run?.details['tables']).not.toContain('"public"."quiet"')
      const { rows } = await db.query(sql`select from pg_stats where tablename = 'Play' and inherited`)
      expect(rows).toHaveLength(2)

      expect(await jobs.runNow('analyze')).toMatchObject({ did: '' })
      await db.query(sql`delete from "Play" where song > 500`)
      await untilCounted(db, 'play_1', 1_500)
      await jobs.runNow('analyze')
      expect((await jobs.history('analyze'))[0]?.details['tables']).toContain('"public"."Play"')
    })

    test('analyze: a table that is being worked on is left for later, and nobody waits', async () => {
      const { db, url } = database()
      await db.query(sql`
        create table busy (n int) with (autovacuum_enabled = false);
        insert into busy select generate_series(1, 1000)`)
      await untilCounted(db, 'busy', 1_000)
      const jobs = daemon(url, [analyzeJob()])
      await transaction(db, async (tx) => {
        await tx.query(sql`lock table busy in share update exclusive mode`)
        expect((await jobs.runNow('analyze')).warnings).toEqual([
          '"public"."busy" was being worked on; it is analysed in a later run',
        ])
      })
      expect(await jobs.runNow('analyze')).toMatchObject({ did: '1 table analysed', warnings: [] })
    })

    test('analyze: one that fails is told, and keeps no other from its own; limits of the role do not hold', async () => {
      const { db, url } = database()
      await db.query(sql`
        create function picky(n int) returns int language plpgsql immutable as $$
          begin
            if current_setting('test.strict', true) = 'on' then raise 'limit %', current_setting('statement_timeout'); end if;
            return n;
          end $$;
        create table picked (n int) with (autovacuum_enabled = false);
        create index on picked (picky(n));
        create table plain (n int) with (autovacuum_enabled = false);
        insert into picked select generate_series(1, 2000);
        insert into plain select generate_series(1, 1000)`)
      for (const [table, rows] of [
        ['picked', 2_000],
        ['plain', 1_000],
      ] as const)
        await untilCounted(db, table, rows)
      const strict = Object.assign(new URL(url), {
        search: '?options=-c%20test.strict%3Don%20-c%20statement_timeout%3D20s',
      }).href
      const report = await daemon(strict, [analyzeJob()]).runNow('analyze')
      expect(report).toMatchObject({ state: 'done', did: '1 table analysed' })
      expect(report.warnings).toEqual(['"public"."picked" could not be analysed: limit 0'])
    })

    test('analyze: what is below a parent is not analysed twice', async () => {
      const { db, url } = database()
      await db.query(sql`
        create table top (k int, n int) partition by list (k);
        create table middle partition of top for values in (1) partition by list (n);
        create table low partition of middle default with (autovacuum_enabled = false);
        insert into top select 1, n from generate_series(1, 1000) n`)
      await untilCounted(db, 'low', 1_000)
      const jobs = daemon(url, [analyzeJob()])
      await jobs.runNow('analyze')
      const tables = (await jobs.history('analyze'))[0]?.details['tables'] as string[]
      const below = ['"public"."middle"', '"public"."low"'].filter((name) => tables.includes(name))
      expect(tables).toContain('"public"."top"')
      expect(below).toEqual(version >= 18 ? ['"public"."middle"', '"public"."low"'] : [])
      await waitUntil(
        async () =>
          (
            await db.query(sql`
              select from pg_stat_user_tables where relname = 'low' and analyze_count = 1 and n_mod_since_analyze = 0`)
          ).rows.length > 0,
        { what: 'low to be analysed, once' },
      )
      expect(await jobs.runNow('analyze')).toMatchObject({ did: '', warnings: [] })
    })

    test('freeze: only old partitions of managed tables that nobody writes to', async () => {
      const { db, url } = database()
      await db.query(sql`
        create table reading (at date not null, n int) partition by range (at);
        create table "Reading_Old" partition of reading for values from ('2025-01-01') to ('2026-01-01')
          with (autovacuum_enabled = false);
        create table reading_now partition of reading for values from ('2026-01-01') to ('2027-01-01')
          with (autovacuum_enabled = false);
        create table unmanaged (n int);
        insert into reading select '2025-05-05', n from generate_series(1, 100) n;
        insert into reading select '2026-05-05', n from generate_series(1, 100) n;
        insert into pgstrata.layout (schema_name, table_name, kind, column_name, grain, names)
        values ('public', 'reading', 'time', 'at', 'year', '{table}_{period}')`)
      await untilCounted(db, 'Reading_Old', 100)
      await untilCounted(db, 'reading_now', 100)
      const jobs = daemon(url, [freezeJob({ ageShare: 0, quietMs: 0 })])
      // Seen for the first time: whether anybody writes to them is not known yet.
      expect(await jobs.runNow('freeze')).toMatchObject({ state: 'done', did: '' })
      await db.query(sql`insert into reading values ('2026-06-06', 1)`)
      await untilCounted(db, 'reading_now', 101)
      const age = async (table: string): Promise<number> =>
        onlyRow(
          await db.query<{ age: number }>(
            sql`select age(relfrozenxid)::int4 as age from pg_class where relname = ${table}`,
          ),
        ).age
      const before = { old: await age('Reading_Old'), now: await age('reading_now') }
      expect(await jobs.runNow('freeze')).toMatchObject({ did: '1 partition frozen' })
      expect((await jobs.history('freeze'))[0]?.details['partitions']).toEqual(['"public"."Reading_Old"'])
      expect(await age('Reading_Old')).toBeLessThan(before.old)
      expect(await age('reading_now')).toBeGreaterThanOrEqual(before.now)
      // What was vacuumed is left alone for as long as it has to be quiet, whether that made it younger or not.
      expect(await daemon(url, [freezeJob({ ageShare: 0, quietMs: 60_000 })]).runNow('freeze')).toMatchObject({
        did: '',
        warnings: [],
      })
      // By the ordinary measure none of them is old.
      expect(await daemon(url, [freezeJob()]).runNow('freeze')).toMatchObject({ did: '' })
    })

    test('freeze: a day without a write is needed', async () => {
      const { db, url } = database()
      const jobs = daemon(url, [freezeJob({ ageShare: 0, quietMs: 86_400_000 })])
      await db.query(sql`update pgstrata.table_mark set marked_at = clock_timestamp() - interval '23 hours'`)
      await jobs.runNow('freeze')
      expect(await jobs.runNow('freeze')).toMatchObject({ did: '' })
      await db.query(sql`update pgstrata.table_mark set marked_at = clock_timestamp() - interval '25 hours'`)
      expect((await jobs.runNow('freeze')).did).toMatch(/frozen/)
    })

    test('reindex: what a failed build left is rebuilt, and leftovers are dropped', async () => {
      const { db, url } = database()
      await db.query(sql`
        create table song (id int, title text);
        insert into song values (1, 'a'), (1, 'b')`)
      const twice = db.query(sql`create unique index concurrently song_id on song (id)`)
      await expect(twice).rejects.toMatchObject({ code: '23505' })
      const jobs = daemon(url, [reindexJob()])
      // Its rows are still not unique: it fails, says so, leaves nothing behind, and is not tried at once again.
      const failed = await jobs.runNow('reindex')
      expect(failed.warnings).toEqual([expect.stringMatching(/^"public"\."song_id" could not be rebuilt/)])
      expect(await isThere(db, 'song_id_ccnew')).toBe(false)
      expect((await jobs.runNow('reindex')).warnings).toEqual([])
      await db.query(sql`delete from song where title = 'b'`)
      await db.query(sql`update pgstrata.table_mark set marked_at = marked_at - interval '2 days'`)
      expect((await jobs.runNow('reindex')).did).toBe('"public"."song_id" rebuilt (it was invalid)')
      await expect(db.query(sql`insert into song values (1, 'c')`)).rejects.toMatchObject({ code: '23505' })
    })

    test('reindex: leftovers of a rebuild go, but not while somebody builds on the table', async () => {
      const { db, url } = database()
      await db.query(sql`
        create table album (id int);
        insert into album values (1), (1)`)
      const twice = db.query(sql`create unique index concurrently album_id_ccnew on album (id)`)
      await expect(twice).rejects.toMatchObject({ code: '23505' })
      const jobs = daemon(url, [reindexJob()])
      await transaction(db, async (tx) => {
        await tx.query(sql`lock table album in share update exclusive mode`)
        expect(await jobs.runNow('reindex')).toMatchObject({ state: 'done', did: '' })
        expect(await isThere(db, 'album_id_ccnew')).toBe(true)
      })
      expect(await jobs.runNow('reindex')).toMatchObject({ did: '1 leftover dropped' })
      expect(await isThere(db, 'album_id_ccnew')).toBe(false)
    })

    test('reindex: a bloated B-tree is rebuilt, a full one is not, nor the index of a parent', async () => {
      const { db, url } = database()
      await db.query(sql`
        create table track (id int, title text) with (autovacuum_enabled = false);
        insert into track select n, 'title ' || n from generate_series(1, 60000) n;
        create index "Track Title" on track (lower(title), id);
        create index track_full on track (id);
        create table parent (n int) partition by range (n);
        create table child partition of parent for values from (0) to (10);
        create index parent_n on only parent (n)`)
      await db.query(sql`vacuum analyze track`)
      const jobs = daemon(url, [reindexJob({ minSizeBytes: 200_000, wastedShare: 0.5 })])
      expect(await jobs.runNow('reindex')).toMatchObject({ state: 'done', did: '', warnings: [] })
      await db.query(sql`delete from track where id % 10 <> 0`)
      await db.query(sql`vacuum analyze track`)
      const size = async (): Promise<number> =>
        onlyRow(await db.query<{ size: number }>(sql`select pg_relation_size('"Track Title"')::float8 as size`)).size
      const before = await size()
      expect((await jobs.runNow('reindex')).did).toMatch(/^"public"\."Track Title" rebuilt \(about .* were wasted\)$/)
      expect(await size()).toBeLessThan(before / 4)
      expect((await jobs.runNow('reindex')).did).toMatch(/^"public"\."track_full" rebuilt/)
      expect(await jobs.runNow('reindex')).toMatchObject({ did: '' })
    })

    test('reindex: one for which the estimate errs is not rebuilt over and over', async () => {
      const { db, url } = database()
      await db.query(sql`
        create schema apart;
        create table apart.erring (id int primary key);
        insert into apart.erring select generate_series(1, 1000)`)
      await db.query(sql`vacuum analyze apart.erring`)
      const rebuilt: string[] = []
      const jobs = daemon(url, [reindexJob({ minSizeBytes: 0, wastedShare: -1_000 })])
      const { many } = onlyRow(
        await db.query<{ many: number }>(sql`
          select count(*)::int4 as many from pg_index i join pg_class c on c.oid = i.indexrelid
          where c.relnamespace::regnamespace::text in ('public', 'apart', 'pgstrata')`),
      )
      for (let look = 0; look <= many; look++) {
        const { did } = await jobs.runNow('reindex')
        if (did === '') break
        rebuilt.push(did.split(' rebuilt')[0] ?? '')
      }
      expect(rebuilt).toContain('"apart"."erring_pkey"')
      expect(new Set(rebuilt).size).toBe(rebuilt.length)
      expect(await jobs.runNow('reindex')).toMatchObject({ did: '' })
    })

    test('reindex: a leftover that cannot be dropped is told once a day, and the rest goes on', async () => {
      const { db, url } = database()
      await db.query(sql`
        create table stuck (n int) partition by range (n);
        create table stuck_1 partition of stuck for values from (0) to (10);
        create index stuck_n on stuck (n);
        alter index stuck_1_n_idx rename to stuck_1_n_ccnew`)
      await db.query(sql`update pg_index set indisvalid = false where indexrelid = 'stuck_1_n_ccnew'::regclass`)
      const jobs = daemon(url, [reindexJob()])
      const report = await jobs.runNow('reindex')
      expect(report).toMatchObject({ state: 'done' })
      expect(report.warnings).toEqual([expect.stringMatching(/^"public"\."stuck_1_n_ccnew" could not be dropped: /)])
      expect(await jobs.runNow('reindex')).toMatchObject({ state: 'done', warnings: [] })
    })

    test('history: old runs go, and all beyond a thousand, but never the newest of a job', async () => {
      const { db, url } = database()
      await db.query(sql`
        insert into pgstrata.job_run (job, tick, state, holder, fence, started_at)
        select 'old', now() - n * interval '1 day', 'done', 'x', 1, now() - n * interval '1 day'
        from generate_series(10, 1, -1) n;
        insert into pgstrata.job_run (job, tick, state, holder, fence, started_at)
        values ('ancient', now() - interval '1 year', 'done', 'x', 1, now() - interval '1 year');
        insert into pgstrata.job_run (job, tick, state, holder, fence)
        select 'many', now() - n * interval '1 s', 'done', 'x', 1
        from generate_series(2500, 1, -1) n;
        insert into pgstrata.table_mark (purpose, schema_name, table_name, changes)
        values ('analyze', 'public', 'gone', 1)`)
      const jobs = daemon(url, [historyJob({ historyMs: 5.5 * 86_400_000 })])
      expect(await jobs.runNow('history')).toMatchObject({ state: 'done', did: '1,505 runs forgotten' })
      const { rows } = await db.query(sql`
        select job, count(*)::int4 as count
        from pgstrata.job_run
        where job in ('old', 'ancient', 'many')
        group by job
        order by job`)
      expect(rows).toEqual([
        { job: 'ancient', count: 1 },
        { job: 'many', count: 1_000 },
        { job: 'old', count: 5 },
      ])
      expect((await db.query(sql`select from pgstrata.table_mark where table_name = 'gone'`)).rows).toEqual([])
      expect((await db.query(sql`select from pgstrata.job_run where job = 'history'`)).rows).toHaveLength(1)
    })
  },
  install,
)
