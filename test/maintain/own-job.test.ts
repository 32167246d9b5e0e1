// Jobs of a user, in SQL: what was committed is not done again, and what no transaction can hold is run all the same.

import { expect, test } from 'vitest'
import type { OwnJob } from '../../src/maintain/index.ts'
import { createOwnJob } from '../../src/maintain/own-job.ts'
import { sql } from '../../src/sql/sql.ts'
import { describeOnEachVersion } from '../support/postgres.ts'
import { countUntil, daemon, day, install } from './support.ts'

const ownJob = (name: string, statements: readonly string[]): OwnJob => ({
  name,
  schedule: { everyMs: day },
  timeoutMs: 60_000,
  overlap: 'skip',
  work: { sql: statements },
})

describeOnEachVersion(
  'a job in SQL',
  (_version, database) => {
    test('goes on after the last statement that was committed, and knows its tick', async () => {
      const { db, url } = database()
      await db.query(sql`create table step (n int, tick timestamptz)`)
      const statements = ['insert into step values (1, now()); -- first', 'insert into step values (2, now())'].concat(
        `insert into step values (3, current_setting('pgstrata.tick')::timestamptz)`,
      )
      const jobs = daemon(url, [createOwnJob(ownJob('steps', statements))])
      await jobs.runDue()
      // A runner that was killed after its second statement.
      await db.query(sql`
        update pgstrata.job
        set counted_until = date_trunc('day', now(), 'UTC'), open_tick = date_trunc('day', now(), 'UTC')
        where name = 'steps'`)
      await db.query(sql`
        insert into pgstrata.job_run (job, tick, holder, fence, work, progress)
        values ('steps', date_trunc('day', now(), 'UTC'), 'killed', 0, ${createOwnJob(ownJob('steps', statements)).work}, 2)`)
      expect(await jobs.runDue()).toMatchObject([{ state: 'done', attempt: 2, did: '3 statements, 1 row' }])
      const { rows } = await db.query(sql`select n, tick = date_trunc('day', now(), 'UTC') as "isTick" from step`)
      expect(rows).toEqual([{ n: 3, isTick: true }])
      await countUntil(db, 'steps', sql`now() - interval '2 days'`)
      await db.query(sql`delete from pgstrata.job_run where job = 'steps'`)
      expect(await jobs.runDue()).toMatchObject([{ attempt: 1, did: '3 statements, 3 rows' }])
    })

    test('begins anew where its SQL was changed between two attempts of a tick', async () => {
      const { db, url } = database()
      await db.query(sql`create table changed (n int)`)
      const before = createOwnJob(ownJob('changing', ['select 1', 'select 2']))
      const jobs = daemon(url, [createOwnJob(ownJob('changing', ['insert into changed values (1)', 'select 2']))])
      await jobs.runDue()
      await db.query(sql`truncate changed`)
      await db.query(sql`
        update pgstrata.job
        set counted_until = date_trunc('day', now(), 'UTC'), open_tick = date_trunc('day', now(), 'UTC')
        where name = 'changing'`)
      await db.query(sql`
        insert into pgstrata.job_run (job, tick, holder, fence, work, progress)
        values ('changing', date_trunc('day', now(), 'UTC'), 'killed', 0, ${before.work}, 1)`)
      expect(await jobs.runDue()).toMatchObject([{ state: 'done', attempt: 2 }])
      expect((await db.query(sql`select n from changed`)).rows).toEqual([{ n: 1 }])
    })

    test('runs what no transaction can hold', async () => {
      const { db, url } = database()
      await db.query(sql`create table full_of (n int)`)
      await db.query(sql`
        create procedure fill() language plpgsql as $$
          begin
            insert into full_of values (1);
            commit;
            insert into full_of select 2 where current_setting('pgstrata.tick') <> '';
          end $$`)
      const jobs = daemon(url, [createOwnJob(ownJob('outside', ['vacuum full_of', 'call fill()', 'analyze full_of']))])
      expect(await jobs.runNow('outside')).toMatchObject({ state: 'done', failure: null })
      expect((await db.query(sql`select n from full_of order by n`)).rows).toEqual([{ n: 1 }, { n: 2 }])
    })

    test('one that does not parse changes nothing and says where', async () => {
      const { db, url } = database()
      await db.query(sql`create table untouched (n int)`)
      const jobs = daemon(url, [createOwnJob(ownJob('typo', ['insert into untouched values (1)', 'selct 1']))])
      expect(await jobs.runNow('typo')).toMatchObject({
        state: 'failed',
        failure: expect.stringContaining('SQL_SYNTAX'),
      })
      expect((await db.query(sql`select from untouched`)).rows).toEqual([])
    })
  },
  install,
)
