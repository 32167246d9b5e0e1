// Two who change packed rows at once, and what a change of a packed row may not do: it is as if both had met in the table.

import { expect, test } from 'vitest'
import type { Db } from '../../../src/db/db.ts'
import { sql } from '../../../src/sql/sql.ts'
import { describeOnEachVersion } from '../../support/postgres.ts'
import { waitUntil } from '../../support/wait.ts'
import { hold } from '../move-support.ts'
import { count, createMonths, pack, run, rows, texts, tier, tieredTable } from './support.ts'

const table = tieredTable()

describeOnEachVersion(
  'a packed row that is changed',
  (_version, database) => {
    /** The second comes while the first is open, and waits for it. */
    const meet = async (
      first: string,
      second: string,
      end: 'commit' | 'rollback',
    ): Promise<PromiseSettledResult<{ readonly rowCount: number }>> => {
      const { db, url } = database()
      const holder = await hold(url, 'begin', first)
      const isWaiting = async (): Promise<boolean> =>
        (await count(db, `pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`)) > 0
      const meeting = Promise.allSettled([db.query(sql.raw(second))])
      try {
        await waitUntil(isWaiting, { what: 'the second waits for the first' })
      } finally {
        await holder.end(end)
      }
      const [told] = await meeting
      return told
    }

    test('waits for who has its segment, and finds its row loose', async () => {
      const { db } = database()
      const first = 'update plays_history set amount = 100 where id = 1003'
      const told = await meet(first, 'update plays_history set amount = 200 where id = 1006', 'commit')
      expect(told).toMatchObject({ value: { rowCount: 1 } })
      expect(await amounts(db, [1003, 1006])).toEqual(['100', '200'])
      expect(await count(db, 'plays_history')).toBe(1_800)
    })

    test('is packed still when who had its segment takes that back', async () => {
      const { db } = database()
      const first = 'delete from plays_history where id = 2003'
      const told = await meet(first, 'update plays_history set amount = 300 where id = 2006', 'rollback')
      expect(told).toMatchObject({ value: { rowCount: 1 } })
      expect(await amounts(db, [2003, 2006])).toEqual(['5', '300'])
      expect(await count(db, 'plays_history')).toBe(1_800)
    })

    test('is not overwritten: who comes second is told to run again', async () => {
      const { db } = database()
      const add = (more: number): string => `update plays_history set amount = amount + ${more} where id = 3003`
      expect(await meet(add(1), add(10), 'commit')).toMatchObject({ reason: { code: '40001' } })
      expect(await amounts(db, [3003])).toEqual(['6'])
    })

    test('counts as none where another has deleted it', async () => {
      const remove = 'delete from plays_history where id = 3100'
      expect(await meet(remove, remove, 'commit')).toMatchObject({ value: { rowCount: 0 } })
      await run(database().db, `insert into plays values (3100, '2026-03-01 01:40Z', 1, 150, 'note 0', 'x')`)
    })

    test('fails in a snapshot from before another changed it', async () => {
      const { db, url } = database()
      const holder = await hold(url, 'begin isolation level repeatable read', 'select count(*) from plays_history')
      await run(db, 'update plays_history set amount = 1 where id = 3200')
      const told = await Promise.allSettled([
        run(holder.session, 'update plays_history set amount = 2 where id = 3200'),
      ])
      await holder.end('rollback')
      expect(told).toMatchObject([{ reason: { code: '40001' } }])
      expect(await amounts(db, [3200])).toEqual(['1'])
    })

    test('leaves a touch for whoever moves its partition', async () => {
      const { db } = database()
      const touches = `pgstrata.tier_touch t join pgstrata.tier_partition p on p.id = t.tier_partition and p.partition_name = 'plays_2026_02'`
      const before = await count(db, touches)
      await run(db, `update plays_history set note = 'touched' where id = 2401`)
      expect(await count(db, touches)).toBe(before + 1)
    })

    test('goes to another partition when its time changes, and comes back under its key', async () => {
      const { db } = database()
      await run(db, `update plays_history set at = '2026-03-20Z' where id = 1010`)
      expect(await rows(db, 'select tableoid::regclass::text as leaf, amount::int from plays where id = 1010')).toEqual(
        [{ leaf: 'plays_2026_03', amount: 15 }],
      )
      await run(db, `update plays_history set at = '2026-01-01 00:10Z' where id = 1010`)
      expect(await count(db, 'plays_history where id = 1010')).toBe(1)
      expect(await count(db, 'plays_history')).toBe(1_800)
    })

    test('says what it became, and what became of it', async () => {
      const { db } = database()
      expect(
        await rows(db, `update plays_history set amount = amount * 2 where id = 1020 returning id::int, amount::int`),
      ).toEqual([{ id: 1020, amount: 60 }])
      expect(await rows(db, 'delete from plays_history where id = 1020 returning amount::int')).toEqual([
        { amount: 60 },
      ])
      expect(
        await rows(
          db,
          `insert into plays_history (id, at, song, amount) values (1020, '2026-01-01 00:20Z', 2, 30) returning amount::int, note`,
        ),
      ).toEqual([{ amount: 30, note: null }])
    })
  },
  async ({ db }) => {
    await createMonths(db)
    await tier(db, table)
    for (const month of [1, 2, 3]) await pack(db, table, `plays_2026_0${month}`)
  },
)

async function amounts(db: Db, ids: readonly number[]): Promise<readonly string[]> {
  return await texts(db, `select round(amount)::int from plays_history where id in (${ids.join(', ')}) order by id`)
}
