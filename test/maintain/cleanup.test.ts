import { expect, test } from 'vitest'
import { onlyRow, type Db } from '../../src/db/db.ts'
import { transaction } from '../../src/db/transaction.ts'
import { cleanupJob } from '../../src/maintain/jobs/cleanup.ts'
import type { Cleanup } from '../../src/maintain/options.ts'
import { sql } from '../../src/sql/sql.ts'
import { describeOnEachVersion } from '../support/postgres.ts'
import { waitUntil } from '../support/wait.ts'
import { daemon, install } from './support.ts'

const cleanup = (table: string, more: Partial<Cleanup> = {}): Cleanup => ({
  key: table,
  schema: 'public',
  table,
  where: 'expires_at < now() -- gone',
  everyMs: 60_000,
  batchRows: 100,
  ...more,
})

const count = async (db: Db, table: string): Promise<number> =>
  onlyRow(await db.query<{ count: number }>(sql`select count(*)::int4 as count from ${sql.ident(table)}`)).count

describeOnEachVersion(
  'the clean-up of expired rows',
  (_version, database) => {
    test('all that expired goes, in batches, and nothing else; a name in mixed case', async () => {
      const { db, url } = database()
      await db.query(sql`
        create table "User Sessions" (id int primary key, expires_at timestamptz);
        insert into "User Sessions" select n, now() - interval '1 hour' from generate_series(1, 1050) n;
        insert into "User Sessions" select n, now() + interval '1 hour' from generate_series(2001, 2010) n`)
      await db.query(sql`create table batch (txid text)`)
      await db.query(sql`
        create function note() returns trigger language plpgsql as $$
          begin insert into batch values (txid_current()); return null; end $$;
        create trigger note after delete on "User Sessions" for each statement execute function note()`)
      const jobs = daemon(url, [cleanupJob(cleanup('User Sessions'))])
      const report = await jobs.runNow('cleanup:User Sessions')
      expect(report).toMatchObject({ state: 'done', did: '1,050 rows deleted' })
      expect(await count(db, 'User Sessions')).toBe(10)
      const { batches } = onlyRow(
        await db.query<{ batches: number }>(sql`select count(distinct txid)::int4 as batches from batch`),
      )
      expect(batches).toBeGreaterThanOrEqual(11)
      expect(await jobs.runNow('cleanup:User Sessions')).toMatchObject({ did: '' })
    })

    test('rows that somebody holds are passed over, nobody waits, and the next run takes them', async () => {
      const { db, url } = database()
      await db.query(sql`
        create table nonce (id int primary key, expires_at timestamptz);
        insert into nonce select n, now() - interval '1 hour' from generate_series(1, 250) n`)
      const jobs = daemon(url, [cleanupJob(cleanup('nonce'))])
      await transaction(db, async (tx) => {
        await tx.query(sql`select from nonce where id <= 7 for update`)
        expect(await jobs.runNow('cleanup:nonce')).toMatchObject({ did: '243 rows deleted' })
      })
      expect(await jobs.runNow('cleanup:nonce')).toMatchObject({ did: '7 rows deleted' })
    })

    test('a row that was prolonged while it was being picked stays', async () => {
      const { db, url } = database()
      await db.query(sql`
        create table lively (id int primary key, expires_at timestamptz);
        insert into lively values (1, now() - interval '1 hour'), (2, now() - interval '1 hour')`)
      const jobs = daemon(url, [cleanupJob(cleanup('lively', { where: 'expires_at < now() and hold(id)' }))])
      // Called while the rows are being picked: the row is prolonged behind the back of the statement's snapshot.
      await db.query(sql`
        create function hold(id int) returns boolean language plpgsql volatile as $$
          begin perform pg_advisory_xact_lock_shared(4242); return true; end $$`)
      await transaction(db, async (tx) => {
        await tx.query(sql`select pg_advisory_xact_lock(4242)`)
        const running = jobs.runNow('cleanup:lively')
        const waiting = sql`select from pg_locks where locktype = 'advisory' and objid = 4242 and not granted`
        await waitUntil(async () => (await db.query(waiting)).rows.length > 0, { what: 'the batch to begin' })
        await db.query(sql`update lively set expires_at = now() + interval '1 day' where id = 1`)
        await tx.query(sql`commit; begin`)
        expect(await running).toMatchObject({ did: '1 row deleted' })
      })
      expect((await db.query(sql`select id from lively`)).rows).toEqual([{ id: 1 }])
    })

    test('partitions are cleaned through their parent: its triggers fire, and other partitions keep their rows', async () => {
      const { db, url } = database()
      await db.query(sql`
        create table "Event" (at date not null, k int not null, expires_at timestamptz) partition by range (at);
        create table "Event_1" partition of "Event" for values from ('2026-01-01') to ('2026-02-01');
        create table "Event_2" partition of "Event" for values from ('2026-02-01') to ('2026-03-01') partition by hash (k);
        create table "Event_2a" partition of "Event_2" for values with (modulus 2, remainder 0);
        create table "Event_2b" partition of "Event_2" for values with (modulus 2, remainder 1);
        create table "Event_rest" partition of "Event" default;
        create table told (n bigint);
        create function tell() returns trigger language plpgsql as $$
          begin insert into told select count(*) from gone; return null; end $$;
        create trigger tell after delete on "Event" referencing old table as gone
          for each statement execute function tell()`)
      await db.query(sql`
        insert into "Event"
        select '2026-01-15'::date + (n % 3) * 30, n, now() + case when n % 2 = 0 then interval '1 hour' else interval '-1 hour' end
        from generate_series(1, 600) n`)
      const jobs = daemon(url, [cleanupJob(cleanup('Event'))])
      expect(await jobs.runNow('cleanup:Event')).toMatchObject({ state: 'done', did: '300 rows deleted' })
      expect((await db.query(sql`select k from "Event" where k % 2 = 1`)).rows).toEqual([])
      expect(await count(db, 'Event')).toBe(300)
      expect(onlyRow(await db.query(sql`select sum(n)::int4 as n from told`))).toEqual({ n: 300 })
    })

    test('rows that a foreign key keeps are passed over and told, and all others go', async () => {
      const { db, url } = database()
      await db.query(sql`
        create table account (id int primary key, expires_at timestamptz);
        create table invoice (account int references account);
        insert into account select n, now() - interval '1 hour' from generate_series(1, 500) n;
        insert into invoice values (1), (250), (500)`)
      const jobs = daemon(url, [cleanupJob(cleanup('account'))])
      expect(await jobs.runNow('cleanup:account')).toMatchObject({
        state: 'done',
        did: '497 rows deleted',
        warnings: [expect.stringMatching(/^3 expired rows could not be deleted: .*foreign key constraint/)],
      })
      expect((await db.query(sql`select id from account order by id`)).rows).toEqual([
        { id: 1 },
        { id: 250 },
        { id: 500 },
      ])
    })

    test('rows that a trigger keeps, loudly or silently, keep no others; partitioned, and named in the condition', async () => {
      const { db, url } = database()
      await db.query(sql`
        create table "Kept" (k int not null, expires_at timestamptz) partition by hash (k);
        create table kept_a partition of "Kept" for values with (modulus 2, remainder 0);
        create table kept_b partition of "Kept" for values with (modulus 2, remainder 1);
        insert into "Kept" select n, now() - interval '1 hour' from generate_series(1, 400) n;
        create function keep() returns trigger language plpgsql as $$
          begin
            if old.k % 100 = 0 then raise 'row % stays', 'secret' using errcode = 'ZZ001'; end if;
            if old.k <= 150 then return null; end if;
            return old;
          end $$;
        create trigger keep before delete on "Kept" for each row execute function keep()`)
      const where = '"Kept".expires_at < now() and not exists (select from "Kept" as other where other.k = -"Kept".k)'
      const jobs = daemon(url, [cleanupJob(cleanup('Kept', { where, batchRows: 20 }))])
      const report = await jobs.runNow('cleanup:Kept')
      expect(report).toMatchObject({ state: 'done', did: '247 rows deleted' })
      expect(report.warnings).toEqual([expect.stringMatching(/^153 expired rows could not be deleted: /)])
      expect((await db.query(sql`select from "Kept" where k > 150 and k % 100 <> 0`)).rows).toEqual([])
    })

    test('a lock on what a row would take along is waited for a second, and that row passed over', async () => {
      const { db, url } = database()
      await db.query(sql`
        create table member (id int primary key, expires_at timestamptz);
        create table login (member int references member on delete cascade);
        insert into member select n, now() - interval '1 hour' from generate_series(1, 3) n;
        insert into login values (2)`)
      const jobs = daemon(url, [cleanupJob(cleanup('member'))])
      await transaction(db, async (tx) => {
        await tx.query(sql`select from login for update`)
        expect(await jobs.runNow('cleanup:member')).toMatchObject({ state: 'done', did: '2 rows deleted' })
      })
      expect(await jobs.runNow('cleanup:member')).toMatchObject({ did: '1 row deleted', warnings: [] })
    })

    test('a condition that fails, or a role that may not delete, fails the run', async () => {
      const { db, url } = database()
      await db.query(sql`create table bad (id int, expires_at timestamptz); insert into bad values (0)`)
      const jobs = daemon(url, [cleanupJob(cleanup('bad', { where: '1 / id > 0' }))])
      expect(await jobs.runNow('cleanup:bad')).toMatchObject({ state: 'failed', failure: 'division by zero' })
    })

    test('a table that is not there is told, one without partitions is empty', async () => {
      const { db, url } = database()
      await db.query(sql`create table bare (at date, expires_at timestamptz) partition by range (at)`)
      const jobs = daemon(url, [cleanupJob(cleanup('absent')), cleanupJob(cleanup('bare'))])
      expect(await jobs.runNow('cleanup:absent')).toMatchObject({
        state: 'failed',
        failure: expect.stringMatching(/TABLE_UNKNOWN.*"public"\."absent"/),
      })
      expect(await jobs.runNow('cleanup:bare')).toMatchObject({ state: 'done', did: '' })
    })
  },
  install,
)
