// How a run ends: by itself, by its time, by force, by a lost connection, by the end of its process. Whatever happens, its
// statements end on the server, and the row says what became of it.

import { expect, test } from 'vitest'
import { onlyRow, type Db } from '../../src/db/db.ts'
import { transaction } from '../../src/db/transaction.ts'
import { openDb } from '../../src/db/pg-db.ts'
import { nameConnections } from '../../src/maintain/backends.ts'
import { readOutcomes } from '../../src/maintain/run-queries.ts'
import { sql } from '../../src/sql/sql.ts'
import { startPgBouncer } from '../support/pgbouncer.ts'
import { describeOnEachVersion } from '../support/postgres.ts'
import { throughPort } from '../support/tcp-proxy.ts'
import { waitUntil } from '../support/wait.ts'
import { countUntil, daemon, expireLease, gate, install, job, runsOf } from './support.ts'

/** Statements of the run that the server works on. */
async function atWork(db: Db, name: string): Promise<number> {
  return onlyRow(
    await db.query<{ count: number }>(sql`
      select count(*)::int4 as count
      from pg_stat_activity
      where application_name like ${`pgstrata job ${name} #%`}
        and datname = current_database()
        and state <> 'idle'`),
  ).count
}

const untilAtWork = (db: Db, name: string): Promise<unknown> =>
  waitUntil(async () => (await atWork(db, name)) > 0, { what: `a statement of ${name}` })
const untilAtRest = (db: Db, name: string): Promise<unknown> =>
  waitUntil(async () => (await atWork(db, name)) === 0, { what: `the end of the statements of ${name}` })

describeOnEachVersion(
  'runs',
  (_version, database) => {
    test('what it did, and what a person should see to, is in the history', async () => {
      const { url } = database()
      const jobs = daemon(url, [
        job('tells', async () => ({ did: '2 things done', details: { things: 2 }, warnings: ['look at it'] })),
      ])
      expect(await jobs.runNow('tells')).toMatchObject({
        state: 'done',
        did: '2 things done',
        warnings: ['look at it'],
      })
      expect(await jobs.history('tells')).toMatchObject([
        { state: 'done', did: '2 things done', details: { things: 2, warnings: ['look at it'] }, manual: true },
      ])
      await expect(jobs.runNow('no-such')).rejects.toMatchObject({ code: 'JOB_UNKNOWN' })
    })

    test('one that fails says why, and its next tick comes', async () => {
      const { db, url } = database()
      const jobs = daemon(url, [job('fails', ({ db: on }) => on.query(sql`select 1 / 0`).then(() => undefined))])
      await jobs.runDue()
      await countUntil(db, 'fails', sql`now() - interval '2 days'`)
      expect(await jobs.runDue()).toMatchObject([{ state: 'failed', failure: 'division by zero' }])
      expect(await jobs.runDue()).toEqual([])
      await countUntil(db, 'fails', sql`now() - interval '2 days'`)
      await db.query(sql`delete from pgstrata.job_run where job = 'fails'`)
      expect(await jobs.runDue()).toMatchObject([{ state: 'failed', attempt: 1 }])
    })

    test('nobody runs it twice at a time', async () => {
      const { url } = database()
      const entered = gate()
      const mayEnd = gate()
      const working = job('single', async () => {
        entered.open()
        await mayEnd.opened
      })
      const jobs = daemon(url, [working])
      const running = jobs.runNow('single')
      await entered.opened
      expect(await jobs.list()).toMatchObject([{ state: 'running' }])
      for (const each of [jobs, daemon(url, [working])])
        await expect(each.runNow('single')).rejects.toMatchObject({ code: 'JOB_BUSY' })
      mayEnd.open()
      expect(await running).toMatchObject({ state: 'done' })
    })

    test.each(['directly', 'through PgBouncer'] as const)('a hung statement ends with the time, %s', async (way) => {
      const { db, url } = database()
      const bouncer = way === 'directly' ? undefined : await startPgBouncer(url, 'transaction')
      const name = `hangs-${way === 'directly' ? 'd' : 'p'}`
      const hanging = job(name, ({ db: on }) => on.query(sql`select pg_sleep(600)`).then(() => undefined), {
        timeoutMs: 2_000,
      })
      // A grace as long as the test may take: cancelling ends it, not force.
      const jobs = daemon(bouncer?.url ?? url, [hanging], { graceMs: 60_000 })
      const running = jobs.runNow(name)
      await untilAtWork(db, name)
      expect(await running).toMatchObject({ state: 'failed', failure: 'not done within 2.0 s' })
      await untilAtRest(db, name)
      await jobs.close()
      await bouncer?.close()
    })

    test('a function that heeds no signal is left behind, and can change nothing any more', async () => {
      const { db, url } = database()
      await db.query(sql`create table change (n int)`)
      const told = gate()
      const goOn = gate()
      const ends: Promise<unknown>[] = []
      const deaf = job(
        'deaf',
        async ({ db: on, signal }) => {
          signal.addEventListener('abort', () => told.open())
          const work = on.withSession(async (session) => {
            await session.query(sql`begin`)
            await session.query(sql`insert into change values (1)`)
            await goOn.opened
            await session.query(sql`commit`)
          })
          ends.push(work.catch((error: unknown) => error))
          await work
        },
        { timeoutMs: 2_000 },
      )
      const report = await daemon(url, [deaf], { graceMs: 200 }).runNow('deaf')
      expect(report).toMatchObject({ state: 'failed', failure: 'not done within 2.0 s' })
      await told.opened
      goOn.open()
      expect(await Promise.all(ends)).toMatchObject([{ code: 'LEASE_LOST' }])
      await untilAtRest(db, 'deaf')
      expect((await db.query(sql`select from change`)).rows).toHaveLength(0)
    })

    test('a statement that swallows its cancellation is ended by force', async () => {
      const { db, url } = database()
      await db.query(sql`
        create function stubborn() returns void language plpgsql as $$
          begin
            loop
              begin
                perform pg_sleep(600);
              exception when query_canceled then
                null;
              end;
            end loop;
          end $$`)
      const jobs = daemon(
        url,
        [job('stubborn', ({ db: on }) => on.query(sql`select stubborn()`).then(() => undefined), { timeoutMs: 300 })],
        { graceMs: 1_000 },
      )
      expect(await jobs.runNow('stubborn')).toMatchObject({ state: 'failed', failure: 'not done within 300 ms' })
      await untilAtRest(db, 'stubborn')
    })

    test('functions that never end, with a connection at rest, leave no connection behind', async () => {
      const { db, url } = database()
      const never = gate()
      const idle = job('idle', ({ db: on }) => on.withSession(() => never.opened), { timeoutMs: 50 })
      const jobs = daemon(url, [idle], { graceMs: 50 })
      for (let run = 0; run < 3; run++) expect(await jobs.runNow('idle')).toMatchObject({ state: 'failed' })
      const left = sql`
        select from pg_stat_activity
        where application_name like 'pgstrata job idle #%' and datname = current_database()`
      await waitUntil(async () => (await db.query(left)).rows.length === 0, { what: 'the connections to be closed' })
    })

    test('a run that finds no connection is lost, not failed: its tick is done by another attempt', async () => {
      const { db, url } = database()
      const shut = job('shut', async ({ db: on }) => void (await on.query(sql`select 1`)))
      let port = 1
      const jobs = daemon(url, [shut], {
        open: (applicationName, limits) =>
          openDb({
            url: limits === undefined && port !== 0 ? throughPort(url, port) : url,
            applicationName,
            ...limits,
          }),
      })
      await jobs.runDue()
      await countUntil(db, 'shut', sql`now() - interval '2 days'`)
      expect(await jobs.runDue()).toMatchObject([{ state: 'lost', failure: expect.stringMatching(/UNREACHABLE/) }])
      port = 0
      expect(await jobs.runDue()).toMatchObject([{ state: 'done', attempt: 2 }])
    })

    test('stop() ends runs that were asked for as well, and gives their leases back', async () => {
      const { db, url } = database()
      const entered = gate()
      const asked = job('asked', async ({ signal }) => {
        entered.open()
        await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()))
        return { did: 'ended in order' }
      })
      const jobs = daemon(url, [asked])
      const running = jobs.runNow('asked')
      await entered.opened
      await jobs.close()
      expect(await running).toMatchObject({ state: 'done', did: 'ended in order' })
      const held = sql`select from pgstrata.lease where name = 'job:asked' and expires_at > clock_timestamp()`
      expect((await db.query(held)).rows).toEqual([])
    })

    test('a run whose connection is terminated is lost, and done again', async () => {
      const { db, url } = database()
      const cut = job('cut', async ({ db: on, attempt }) => {
        if (attempt === 1) await on.query(sql`select pg_sleep(600)`)
        return { did: `attempt ${attempt}` }
      })
      const jobs = daemon(url, [cut])
      await jobs.runDue()
      await countUntil(db, 'cut', sql`now() - interval '2 days'`)
      const running = jobs.runDue()
      await untilAtWork(db, 'cut')
      await db.query(
        sql`select pg_terminate_backend(pid) from pg_stat_activity where application_name like 'pgstrata job cut #%'`,
      )
      expect(await running).toMatchObject([{ state: 'lost', attempt: 1 }])
      expect(await jobs.runDue()).toMatchObject([{ state: 'done', attempt: 2, did: 'attempt 2' }])
    })

    test('who takes a lost run over ends what it left at work', async () => {
      const { db, url } = database()
      const left = job('left', async ({ db: on, attempt }) => {
        if (attempt === 1) await on.query(sql`select pg_sleep(600)`)
      })
      // Its own heartbeat would find out in twenty minutes.
      const first = daemon(url, [left], { leaseMs: 3_600_000 })
      await first.runDue()
      await countUntil(db, 'left', sql`now() - interval '2 days'`)
      const running = first.runDue()
      await untilAtWork(db, 'left')
      await expireLease(db, 'left')
      expect(await daemon(url, [left]).runDue()).toMatchObject([{ state: 'done', attempt: 2 }])
      await untilAtRest(db, 'left')
      expect(await running).toMatchObject([{ state: 'lost', attempt: 1 }])
      expect((await runsOf(db, 'left')).map(({ state }) => state)).toEqual(['lost', 'done'])
    })

    test('a lease that was taken away ends the run, and nothing is committed under it', async () => {
      const { db, url } = database()
      await db.query(sql`create table fenced (n int)`)
      const entered = gate()
      const mayCommit = gate()
      const told = gate()
      const fenced = job('fenced', async (context) => {
        context.signal.addEventListener('abort', () => told.open())
        await transaction(context.db, async (tx) => {
          await tx.query(sql`insert into fenced values (1)`)
          entered.open()
          await mayCommit.opened
          await context.confirm(tx)
        })
      })
      // A second lease long: the heartbeat finds out by itself.
      const jobs = daemon(url, [fenced], { leaseMs: 1_000 })
      const running = jobs.runNow('fenced')
      await entered.opened
      await db.query(sql`update pgstrata.lease set holder = 'thief', fence = fence + 1 where name = 'job:fenced'`)
      await told.opened
      mayCommit.open()
      expect(await running).toMatchObject({ state: 'lost', failure: 'its lease was lost' })
      expect((await db.query(sql`select from fenced`)).rows).toHaveLength(0)
    })

    test('a lease is kept for as long as the run needs', async () => {
      const { db, url } = database()
      const kept = job('kept', ({ db: on }) => on.query(sql`select pg_sleep(5)`).then(() => undefined))
      const jobs = daemon(url, [kept], { leaseMs: 3_000 })
      expect(await jobs.runNow('kept')).toMatchObject({ state: 'done' })
      expect(await runsOf(db, 'kept')).toMatchObject([{ state: 'done', attempt: 1 }])
    })

    test('runs that hold on to their leases cost no other its own', async () => {
      const { db, url } = database()
      const mayEnd = gate()
      const names = Array.from({ length: 6 }, (_, index) => `holding-${index}`)
      let confirmed = 0
      const holding = names.map((name) =>
        job(name, ({ db: on, confirm }) =>
          transaction(on, async (tx) => {
            await confirm(tx)
            confirmed++
            await mayEnd.opened
          }),
        ),
      )
      const aside = job('aside', ({ db: on }) => on.query(sql`select pg_sleep(4)`).then(() => undefined))
      const jobs = daemon(url, [...holding, aside], { leaseMs: 2_000 })
      const ends = names.map((name) => jobs.runNow(name))
      await waitUntil(() => confirmed === names.length, { what: 'all to hold their leases' })
      expect(await jobs.runNow('aside')).toMatchObject({ state: 'done' })
      mayEnd.open()
      // None was renewed while its row was locked.
      expect((await Promise.all(ends)).map(({ state }) => state)).toEqual(names.map(() => 'lost'))
      expect((await runsOf(db, 'aside')).map(({ state }) => state)).toEqual(['done'])
    })

    test('stopped: a batch at hand is finished, one that hangs is not, and another goes on at once', async () => {
      const { db, url } = database()
      const polite = job('polite', async ({ db: on, signal }) => {
        while (!signal.aborted) await on.query(sql`select pg_sleep(0.05)`)
        return { did: 'stopped in order' }
      })
      const hanging = job('hanging', async ({ db: on, attempt }) => {
        if (attempt === 1) await on.query(sql`select pg_sleep(600)`)
      })
      const jobs = daemon(url, [polite, hanging])
      await jobs.runDue()
      for (const name of ['polite', 'hanging']) await countUntil(db, name, sql`now() - interval '2 days'`)
      const running = jobs.runDue()
      for (const name of ['polite', 'hanging']) await untilAtWork(db, name)
      await jobs.stop()
      expect((await running).toSorted((a, b) => a.job.localeCompare(b.job))).toMatchObject([
        { job: 'hanging', state: 'lost', failure: 'its process was stopped' },
        { job: 'polite', state: 'done', did: 'stopped in order' },
      ])
      await untilAtRest(db, 'hanging')
      expect(await daemon(url, [polite, hanging]).runDue()).toMatchObject([
        { job: 'hanging', state: 'done', attempt: 2 },
      ])
    })

    test('stopped again and again: it counts neither as a failure nor against the tick', async () => {
      const { db, url } = database()
      const stops = 4
      const deployed = job('deployed', async ({ db: on, attempt }) => {
        if (attempt <= stops) await on.query(sql`select pg_sleep(600)`)
      })
      await daemon(url, [deployed]).runDue()
      await countUntil(db, 'deployed', sql`now() - interval '2 days'`)
      for (let stop = 1; stop <= stops; stop++) {
        const jobs = daemon(url, [deployed])
        const running = jobs.runDue()
        await untilAtWork(db, 'deployed')
        await jobs.stop()
        expect(await running).toMatchObject([{ state: 'lost', attempt: stop }])
        await untilAtRest(db, 'deployed')
      }
      expect(await readOutcomes(db, ['deployed'])).toMatchObject([{ failures: 0 }])
      expect(await daemon(url, [deployed]).runDue()).toMatchObject([{ state: 'done', attempt: stops + 1 }])
    })
  },
  install,
)

test('connections of a run have a name of their own, which the server keeps whole', () => {
  const names = ['analyze', 'cleanup:sessions', 'cleanup:señales', 'x'.repeat(200), `${'x'.repeat(199)}y`].map((name) =>
    nameConnections(name, 123),
  )
  expect(new Set(names).size).toBe(names.length)
  for (const name of names) expect(name).toMatch(/^[\x20-\x7e]{1,63}$/)
  expect(nameConnections('a', 1)).not.toBe(nameConnections('a', 11))
})
