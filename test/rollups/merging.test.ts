// The job that merges, where merges fail or take long: each rollup at its own pace, what fails is told with what to do, also after
// a restart, and nobody else notices.

import { expect, test } from 'vitest'
import { ensureInstalled } from '../../src/catalog/install.ts'
import type { Db, Session } from '../../src/db/db.ts'
import { createRollups } from '../../src/rollups/facade.ts'
import { mergeProcedure } from '../../src/rollups/merge/merge-procedure.ts'
import { insertRollup } from '../../src/rollups/kept/queries.ts'
import { readRollupStatus } from '../../src/rollups/status.ts'
import { sql } from '../../src/sql/sql.ts'
import { fakeClock, type FakeClock } from '../support/fake-clock.ts'
import { describeOnEachVersion, type TestDatabase } from '../support/postgres.ts'
import { runJob } from './job-support.ts'
import { install, rollupOf, run } from './support.ts'

const prepare = async ({ db }: TestDatabase): Promise<void> => {
  await db.withSession((session) => ensureInstalled(session))
}

const agoAnHour = `
  with seen as (update pgstrata.rollup_merging set seen_at = seen_at - interval '1 hour')
  update pgstrata.rollup set filled_at = filled_at - interval '1 hour', merged_at = merged_at - interval '1 hour'`

/** Somebody does something whenever the job pauses. */
function whilePausing(clock: FakeClock, work: () => Promise<void>): FakeClock {
  return {
    ...clock,
    sleep: async (delayMs) => {
      await work()
      await clock.sleep(delayMs)
    },
  }
}

/** Tells of each statement before it is sent. */
function watching(db: Db, tell: (text: string) => void): Db {
  return {
    ...db,
    withSession: async (work) =>
      await db.withSession(async (session) => {
        const watched: Session = {
          ...session,
          query: async (statement) => {
            tell(statement.text)
            return await session.query(statement)
          },
        }
        return await work(watched)
      }),
  }
}

describeOnEachVersion(
  'the job that merges, in bad weather,',
  (_version, database) => {
    test('tells of a sum that overflows and what to do, tries it less and less, and merges the others meanwhile', async () => {
      const { db } = database()
      await run(db, 'create table plays (song int, at timestamptz not null, amount numeric)')
      const rollups = [rollupOf(), rollupOf({ name: 'full', bucket: undefined })]
      const shapes = await install(db, rollups)
      await run(
        db,
        ...shapes.map((shape) => insertRollup(shape, 'live')),
        `insert into full_merged (song, row_count, earned, earned_n, earned_nan, earned_inf, earned_ninf) values (1, 9223372036854775807, 0, 0, 0, 0, 0)`,
      )
      const clock = fakeClock()
      const insert = `insert into plays values (1, '2026-01-01', 1)`
      await run(db, insert)
      const outcome = await runJob(
        db,
        rollups,
        whilePausing(clock, () => run(db, insert)),
      )
      const told =
        /^rollup full: bigint out of range; a number of it no longer fits .*numeric.* \(5 times in a row, tried again 1 min 0 s later\)$/
      expect(outcome.warnings).toEqual([expect.stringMatching(told)])
      expect(outcome.details).toMatchObject({ merges: clock.slept.length + 1 })
      const statusOf = async (name: string): Promise<unknown> => await readRollupStatus(db, rollups, name)
      const open = {
        failures: 5,
        failingSince: expect.any(Date),
        pending: clock.slept.length + 1,
        findings: [
          {
            what: expect.stringMatching(
              /^its merge has failed 5 times in a row since .*: bigint out of range; it is tried every 1 min 0 s by now$/,
            ),
            todo: expect.stringContaining('measure it as numeric'),
          },
        ],
      }
      expect(await statusOf('full')).toMatchObject([open])
      expect(await statusOf('song_plays')).toMatchObject([{ failures: 0, findings: [] }])

      // Another process: it knows, and does not try before it is due.
      await run(db, `update pgstrata.rollup_merging set tried_at = tried_at + interval '1 hour'`)
      const again = await runJob(db, rollups, fakeClock())
      expect(again.warnings).toEqual([expect.stringMatching(told)])
      expect(await statusOf('full')).toMatchObject([open])
      await run(db, `update pgstrata.rollup_merging set tried_at = tried_at - interval '2 hours'`)
      await runJob(db, rollups, fakeClock())
      expect(await statusOf('full')).toMatchObject([{ failures: 6 }])

      await run(db, 'update full_merged set row_count = 5')
      const facade = createRollups({ db, rollups, clock })
      expect(await facade.merge('full')).toBe(clock.slept.length + 1)
      expect(await statusOf('full')).toMatchObject([{ failures: 0, failingSince: null, pending: 0, findings: [] }])
      // It looks, and there is nothing: what comes then has not waited for an hour.
      await run(db, agoAnHour)
      expect(await runJob(db, rollups, fakeClock())).toMatchObject({ warnings: [] })
      await run(db, insert)
      const statuses = await readRollupStatus(db, rollups)
      expect(statuses.map(({ lagMs }) => lagMs !== null && lagMs < 3_600_000)).toEqual([true, true])
    })

    test('notes the same where SQL alone merges', async () => {
      const { db } = database()
      await run(db, 'create table alone (song int, at timestamptz not null, amount numeric)')
      const rollups = [rollupOf({ name: 'sound', table: 'alone' }), rollupOf({ name: 'ill', table: 'alone' })]
      const shapes = await install(db, rollups)
      await run(
        db,
        ...shapes.map((shape) => insertRollup(shape, 'live')),
        mergeProcedure(shapes).create,
        'alter table ill_merged add constraint broken check (row_count < 0)',
        `insert into alone values (1, '2026-01-01', 1)`,
        `update pgstrata.rollup set filled_at = filled_at - interval '1 hour'`,
        'call pgstrata.merge()',
        'call pgstrata.merge()',
        `call pgstrata.merge('sound')`,
      )
      const statuses = await readRollupStatus(db, rollups)
      const of = (wanted: string): unknown => statuses.find(({ name }) => name === wanted)
      expect(of('sound')).toMatchObject({ failures: 0, pending: 0, findings: [] })
      const what = expect.stringMatching(/^its merge has failed 2 times in a row since .*: .*violates check constraint/)
      expect(of('ill')).toMatchObject({ failures: 2, pending: 1, findings: [{ what }] })
      await run(db, 'alter table ill_merged drop constraint broken', `call pgstrata.merge('ill')`)
      const [mended] = await readRollupStatus(db, rollups, 'ill')
      expect(mended).toMatchObject({ failures: 0, failingSince: null, pending: 0, findings: [] })
      await run(db, agoAnHour, 'call pgstrata.merge()', `insert into alone values (1, '2026-01-01', 1)`)
      for (const { lagMs } of (await readRollupStatus(db, rollups)).filter(({ name }) =>
        ['sound', 'ill'].includes(name),
      )) {
        expect(lagMs).toBeLessThan(3_600_000)
      }
    })

    test('merges one that takes long less often, and the others as often as before', async () => {
      const { db } = database()
      await run(db, 'create table two (song int, at timestamptz not null, amount numeric)')
      const rollups = [rollupOf({ name: 'slow', table: 'two' }), rollupOf({ name: 'quick', table: 'two' })]
      const shapes = await install(db, rollups)
      await run(db, ...shapes.map((shape) => insertRollup(shape, 'live')))
      const clock = fakeClock()
      const merges = { slow: 0, quick: 0 }
      const watched = watching(db, (text) => {
        if (text.includes('lock table "pgstrata"."quick_lock"')) merges.quick++
        if (!text.includes('lock table "pgstrata"."slow_lock"')) return
        merges.slow++
        clock.advance(6_000)
      })
      await runJob(
        watched,
        rollups,
        whilePausing(clock, () => run(db, `insert into two values (1, '2026-01-01', 1)`)),
      )
      expect(merges.slow).toBeGreaterThan(2)
      expect(merges.slow * 6_000).toBeLessThanOrEqual(36_000)
      expect(merges.quick).toBeGreaterThan(4 * merges.slow)
    })

    test('merges the others between two ranges of one that is filled', async () => {
      const { db } = database()
      await run(
        db,
        'create table long (song int, at timestamptz not null, amount numeric)',
        `insert into long select 1, '2026-01-01'::timestamptz + n * interval '1 hour', 1 from generate_series(1, 40) n`,
      )
      const rollups = [rollupOf({ name: 'filled', table: 'long' }), rollupOf({ name: 'other', table: 'long' })]
      const [filled, other] = await install(db, rollups)
      expect.assert(filled !== undefined && other !== undefined)
      await run(
        db,
        'delete from filled_merged',
        'drop view filled, filled_parts',
        insertRollup(filled, 'filling'),
        insertRollup(other, 'live'),
      )
      const clock = fakeClock()
      const order: string[] = []
      const watched = watching(db, (text) => {
        const [, name] = /lock table "pgstrata"."(filled|other)_lock"/.exec(text) ?? []
        if (text.startsWith('select ') && text.includes('"other_delta"')) order.push('other')
        if (name !== 'filled') return
        order.push(name)
        clock.advance(5_000)
      })
      await runJob(watched, rollups, clock)
      const ranges = order.slice(order.indexOf('filled'), order.lastIndexOf('filled') + 1)
      expect(ranges.filter((one) => one === 'filled').length).toBeGreaterThan(3)
      expect(ranges.join(' ')).not.toContain('filled filled')
      expect((await db.query(sql`select sum(plays)::int as n from filled`)).rows).toEqual([{ n: 40 }])
    })
  },
  prepare,
)
