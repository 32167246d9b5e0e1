// Which ticks are run, how often, and by whom: each is a look of a daemon at a job table that stands as the case needs it.

import { expect, test } from 'vitest'
import { onlyRow } from '../../src/db/db.ts'
import { transaction } from '../../src/db/transaction.ts'
import { mergeJob } from '../../src/rollups/job/job.ts'
import { sql } from '../../src/sql/sql.ts'
import { describeOnEachVersion } from '../support/postgres.ts'
import { waitUntil } from '../support/wait.ts'
import { countUntil, daemon, day, expireLease, gate, install, job, runsOf } from './support.ts'

describeOnEachVersion(
  'ticks',
  (_version, database) => {
    const ran: Date[] = []
    const recording = (name: string) => job(name, async ({ tick }) => void ran.push(tick))

    test('a job that is new waits for its first tick', async () => {
      const jobs = daemon(database().url, [recording('new')])
      expect(await jobs.runDue()).toEqual([])
      expect(await jobs.list()).toMatchObject([{ name: 'new', state: 'waiting', last: undefined }])
    })

    test('one that somebody waits for is run at once where it is new, though not where its schedule was changed', async () => {
      const { db, url } = database()
      const wanted = { ...recording('wanted'), atOnce: true }
      expect(await daemon(url, [wanted, recording('patient')]).runDue()).toMatchObject([
        { job: 'wanted', state: 'done' },
      ])
      expect(await daemon(url, [wanted]).runDue()).toEqual([])
      expect(await daemon(url, [{ ...wanted, schedule: { everyMs: 2 * day } }]).runDue()).toEqual([])
      await daemon(url, [{ ...wanted, name: 'held back' }]).pause('held back')
      const paused = daemon(url, [{ ...wanted, name: 'held back' }])
      expect(await paused.runDue()).toEqual([])
      await paused.resume('held back')
      expect(await paused.runDue()).toEqual([])
      expect(await runsOf(db, 'held back')).toEqual([])
    })

    test('merging begins with the first look of a service that is new', async () => {
      const { db, url } = database()
      // Its own schedule may come by within this test; this one came by in the night.
      const jobs = daemon(url, [{ ...mergeJob({ rollups: [] }), schedule: { everyMs: day } }])
      await jobs.start()
      const running = async (): Promise<boolean> => (await runsOf(db, 'merge'))[0]?.state === 'running'
      await waitUntil(running, { what: 'it to merge' })
      await jobs.stop()
    })

    test('missed for three months: the newest tick is run, once, however many daemons look', async () => {
      const { db, url } = database()
      const daemons = Array.from({ length: 4 }, () => daemon(url, [recording('absent')]))
      await daemons[0]?.runDue()
      await countUntil(db, 'absent', sql`clock_timestamp() - interval '3 months'`)
      ran.length = 0
      const reports = (await Promise.all(daemons.map((each) => each.runDue()))).flat()
      expect(reports).toMatchObject([{ state: 'done', attempt: 1, manual: false }])
      const { today } = onlyRow(await db.query<{ today: Date }>(sql`select date_trunc('day', now(), 'UTC') as today`))
      expect(ran).toEqual([today])
      expect((await Promise.all(daemons.map((each) => each.runDue()))).flat()).toEqual([])
      expect(await runsOf(db, 'absent')).toMatchObject([{ state: 'done' }])
    })

    test('the clock set back by seconds: what was done is not done again', async () => {
      const { db, url } = database()
      const jobs = daemon(url, [recording('step')])
      await jobs.runDue()
      await countUntil(db, 'step', sql`clock_timestamp() + interval '4 minutes'`)
      expect(await jobs.runDue()).toEqual([])
      expect(await db.query(sql`select from pgstrata.job where name = 'step' and era = 1`)).toMatchObject({
        rowCount: 1,
      })
    })

    test('the clock set back by a year: it counts from now on, and ticks that come again are other ticks', async () => {
      const { db, url } = database()
      const jobs = daemon(url, [job('back', async () => undefined, { schedule: { everyMs: 1_000 } })])
      await jobs.runDue()
      // As a daemon left it while the clock was a year ahead, its lease and all. (The first look may have run a tick of these seconds.)
      await db.query(sql`
        insert into pgstrata.job_run (job, tick, state, holder, fence)
        select 'back', date_trunc('second', clock_timestamp()) + n * interval '1 s', 'done', 'x', 1
        from generate_series(0, 20) as n
        on conflict do nothing`)
      await countUntil(db, 'back', sql`clock_timestamp() + interval '1 year'`)
      await db.query(sql`
        insert into pgstrata.lease (name, holder, expires_at)
        values ('job:back', 'x', clock_timestamp() + interval '1 year')
        on conflict (name) do update
        set expires_at = excluded.expires_at`)
      await jobs.runDue()
      // A second later by the server's clock, whatever ours says.
      await db.query(
        sql`update pgstrata.job set counted_until = clock_timestamp() - interval '1 s' where name = 'back'`,
      )
      // The look before may have done that tick already, or the next one may have come meanwhile.
      const hasRun = async (): Promise<boolean> => {
        await jobs.runDue()
        return (await runsOf(db, 'back')).some(({ era, state }) => era === 2 && state === 'done')
      }
      await waitUntil(hasRun, { what: 'a tick of the time that came again' })
    })

    test('another schedule counts from now on', async () => {
      const { db, url } = database()
      await daemon(url, [recording('changed')]).runDue()
      await countUntil(db, 'changed', sql`clock_timestamp() - interval '3 months'`)
      const changed = { ...recording('changed'), schedule: { everyMs: 2 * day } }
      expect(await daemon(url, [changed]).runDue()).toEqual([])
    })

    test('a paused job is left out, and what came due meanwhile is left out too', async () => {
      const { db, url } = database()
      const jobs = daemon(url, [recording('paused')])
      await jobs.pause('paused')
      await countUntil(db, 'paused', sql`clock_timestamp() - interval '3 days'`)
      expect(await jobs.runDue()).toEqual([])
      expect(await jobs.list()).toMatchObject([{ state: 'paused', next: undefined }])
      expect(await jobs.runNow('paused')).toMatchObject({ state: 'done', manual: true })
      await jobs.resume('paused')
      expect(await jobs.runDue()).toEqual([])
      await countUntil(db, 'paused', sql`clock_timestamp() - interval '3 days'`)
      expect(await jobs.runDue()).toMatchObject([{ state: 'done' }])
    })

    test.each(['skip', 'queue'] as const)('ticks that come while it runs, overlap %s', async (overlap) => {
      const { db, url } = database()
      const name = `overlap-${overlap}`
      const entered = gate()
      const mayEnd = gate()
      const ticks: number[] = []
      let isMeant = false
      const working = job(
        name,
        async ({ tick }) => {
          // Of the look that is only to register it.
          if (!isMeant) return
          ticks.push(tick.getTime())
          entered.open()
          await mayEnd.opened
        },
        { overlap, schedule: { everyMs: 1_000 } },
      )
      const jobs = daemon(url, [working])
      await jobs.runDue()
      isMeant = true
      await countUntil(db, name, sql`clock_timestamp() - interval '2 s'`)
      const running = jobs.runDue()
      await entered.opened
      const [tick = 0] = ticks
      const later = sql`select where clock_timestamp() > ${new Date(tick)}::timestamptz + interval '1.01 s'`
      await waitUntil(async () => (await db.query(later)).rows.length > 0, { what: 'the next tick' })
      expect(await daemon(url, [working]).runDue()).toEqual([])
      mayEnd.open()
      await running
      const states = (await runsOf(db, name)).map(({ state }) => state)
      if (overlap === 'skip') return expect(states).toEqual(['done', 'skipped'])
      expect(states).toEqual(['done'])
      expect(await jobs.runDue()).toMatchObject([{ state: 'done' }])
      expect(ticks[1]).toBeGreaterThan(tick)
    })

    test('runDue runs all that is due, each job once, though no more than ten at a time', async () => {
      const { db, url } = database()
      let atOnce = 0
      let most = 0
      const full = gate()
      const many = Array.from({ length: 23 }, (_, index) =>
        job(`many-${index}`, async () => {
          most = Math.max(most, ++atOnce)
          if (atOnce === 10) full.open()
          await full.opened
          atOnce--
        }),
      )
      const jobs = daemon(url, many)
      await jobs.runDue()
      await db.query(sql`update pgstrata.job set counted_until = now() - interval '2 days' where name like 'many-%'`)
      const reports = await jobs.runDue()
      expect(new Set(reports.map((report) => report.job)).size).toBe(23)
      expect(reports).toHaveLength(23)
      expect(most).toBe(10)
    })

    test('who has waited longest is begun first, wherever it stands in the list', async () => {
      const { db, url } = database()
      const mayEnd = gate()
      const full = gate()
      const begun: string[] = []
      const crowd = Array.from({ length: 12 }, (_, index) =>
        job(`crowd-${index}`, async () => {
          begun.push(`crowd-${index}`)
          if (begun.length === 10) full.open()
          await mayEnd.opened
        }),
      )
      const jobs = daemon(url, crowd)
      await jobs.runDue()
      await db.query(sql`update pgstrata.job set counted_until = now() - interval '2 days' where name like 'crowd-%'`)
      await countUntil(db, 'crowd-10', sql`now() - interval '5 days'`)
      await countUntil(db, 'crowd-11', sql`now() - interval '4 days'`)
      const running = jobs.runDue()
      await full.opened
      expect(begun.slice(0, 10)).toEqual(expect.arrayContaining(['crowd-10', 'crowd-11']))
      mayEnd.open()
      await running
    })

    test('a job that cannot be begun keeps no other from it', async () => {
      const { db, url } = database()
      await db.query(sql`
        create function pgstrata.refuse() returns trigger language plpgsql as $$
          begin raise 'not this one'; end $$;
        create trigger refuse before insert on pgstrata.job_run
          for each row when (new.job = 'barred') execute function pgstrata.refuse()`)
      const jobs = daemon(url, [recording('barred'), recording('behind')])
      await jobs.runDue()
      for (const name of ['barred', 'behind']) await countUntil(db, name, sql`now() - interval '2 days'`)
      await expect(jobs.runDue()).rejects.toThrow('not this one')
      expect(await runsOf(db, 'behind')).toMatchObject([{ state: 'done' }])
      await db.query(sql`drop function pgstrata.refuse() cascade`)
    })

    test("two that register the same jobs in another order do not stand in each other's way", async () => {
      const { db, url } = database()
      const names = ['order-1', 'order-2', 'order-3']
      const changing = (days: number, order: readonly string[]) =>
        daemon(
          url,
          order.map((name) => ({ ...recording(name), schedule: { everyMs: days * day } })),
        )
      await changing(1, names).runDue()
      const waiting = sql`
        select from pg_stat_activity
        where datname = current_database() and wait_event_type = 'Lock' and application_name = 'pgstrata jobs'`
      await transaction(db, async (tx) => {
        await tx.query(sql`select from pgstrata.job where name = 'order-2' for update`)
        const both = Promise.all([changing(2, names).runDue(), changing(3, names.toReversed()).runDue()])
        await waitUntil(async () => (await db.query(waiting)).rows.length === 2, { what: 'both to wait' })
        await tx.query(sql`commit; begin`)
        expect(await both).toEqual([[], []])
      })
    })

    test('a run lost three months ago is run again, and then the newest tick that was missed', async () => {
      const { db, url } = database()
      const jobs = daemon(url, [recording('ancient')])
      await jobs.runDue()
      await db.query(sql`
        with ancient as (
          update pgstrata.job
          set counted_until = date_trunc('day', now(), 'UTC') - interval '90 days',
            open_tick = date_trunc('day', now(), 'UTC') - interval '90 days'
          where name = 'ancient'
          returning open_tick
        )
        insert into pgstrata.job_run (job, tick, holder, fence)
        select 'ancient', open_tick, 'killed', 0
        from ancient`)
      expect(await jobs.list()).toMatchObject([{ state: 'lost' }])
      ran.length = 0
      expect(await jobs.runDue()).toMatchObject([{ state: 'done', attempt: 2 }])
      expect(await jobs.runDue()).toMatchObject([{ state: 'done', attempt: 1 }])
      expect(ran.map((tick) => Math.round(((ran[1]?.getTime() ?? 0) - tick.getTime()) / day))).toEqual([90, 0])
      expect((await runsOf(db, 'ancient')).map(({ state }) => state)).toEqual(['lost', 'done', 'done'])
    })

    test('a run that was lost is run again as the same tick, at most three times', async () => {
      const { db, url } = database()
      const seen: { attempt: number; tick: Date }[] = []
      const forever = gate()
      const entered = [gate(), gate(), gate()]
      const hanging = job('lost', async ({ attempt, tick }) => {
        seen.push({ attempt, tick })
        entered[attempt - 1]?.open()
        await forever.opened
      })
      await daemon(url, [hanging]).runDue()
      await countUntil(db, 'lost', sql`clock_timestamp() - interval '1 day'`)
      const runs: Promise<unknown>[] = []
      for (const attempt of [1, 2, 3]) {
        runs.push(daemon(url, [hanging]).runDue())
        await entered[attempt - 1]?.opened
        await expireLease(db, 'lost')
      }
      // The fourth does not try it again, and is free for the next tick.
      expect(await daemon(url, [hanging]).runDue()).toEqual([])
      expect(seen.map(({ attempt }) => attempt)).toEqual([1, 2, 3])
      expect(new Set(seen.map(({ tick }) => tick.getTime())).size).toBe(1)
      expect((await runsOf(db, 'lost')).map(({ state }) => state)).toEqual(['lost', 'lost', 'lost'])
      forever.open()
      // The three who lost it come back, and change nothing any more.
      await Promise.all(runs)
      expect((await runsOf(db, 'lost')).map(({ state }) => state)).toEqual(['lost', 'lost', 'lost'])
      expect(await db.query(sql`select from pgstrata.job where name = 'lost' and open_tick is null`)).toMatchObject({
        rowCount: 1,
      })
    })
  },
  install,
)
