// A table whose columns change while months of it are packed: behind the next apply its history is that of a plain table to which the
// same was done, and packed rows can be changed as before. Views of others are not taken from them.

import { expect, test } from 'vitest'
import type { Db } from '../../../src/db/db.ts'
import { describeOnEachVersion } from '../../support/postgres.ts'
import { apply, contribute, count, createMonths, pack, run, texts, tier, tieredTable } from './support.ts'

const table = tieredTable()

describeOnEachVersion(
  'a history whose columns change',
  (_version, database) => {
    /** Both have the same rows, in columns of the same names and types. */
    const expectSame = async (db: Db): Promise<void> => {
      const shape = (name: string): Promise<readonly string[]> =>
        texts(
          db,
          `select attname || ' ' || format_type(atttypid, -1) || ' ' || attcollation from pg_attribute
          where attrelid = '${name}'::regclass and attnum > 0 and not attisdropped order by attnum`,
        )
      expect(await shape('plays_history')).toEqual(await shape('twin'))
      const differ = `(table plays_history except all table twin) union all (table twin except all table plays_history)`
      expect(await texts(db, `select d::text from (${differ}) as d`)).toEqual([])
      expect(await count(db, `plays_between('2026-01-01Z', '2026-03-01Z')`)).toBe(
        await count(db, `twin where at < '2026-03-01Z'`),
      )
    }
    const both = async (db: Db, change: string): Promise<void> => {
      await run(db, `alter table plays ${change}`, `alter table twin ${change}`)
    }
    /** By way of the history, which leaves loose rows behind. */
    const changeSome = async (db: Db, set: string, id: number): Promise<void> => {
      for (const name of ['plays_history', 'twin']) await run(db, `update ${name} set ${set} where id = ${id}`)
    }

    test('gets columns that came, with what older rows have in them', async () => {
      const { db } = database()
      await both(db, `add column rating numeric(4, 2) default 2.50`)
      await both(db, `add column mark text collate "C"`)
      expect(await apply(db, table)).toHaveLength(1)
      await expectSame(db)
      await changeSome(db, `rating = 3, mark = 'a'`, 1006)
      await changeSome(db, 'amount = 1', 1003)
      await expectSame(db)
      expect((await contribute(db, [table])).steps).toEqual([])
    })

    test('follows new names, even where two change places', async () => {
      const { db } = database()
      await both(db, 'rename column note to remark')
      await both(db, 'rename column listener to note')
      await both(db, 'rename column remark to listener')
      await apply(db, table)
      await expectSame(db)
      await changeSome(db, `note = 'who', listener = 'what'`, 2003)
      await expectSame(db)
    })

    test('forgets columns that have gone, with what reads them', async () => {
      const { db } = database()
      await both(db, 'drop column listener cascade')
      await apply(db, table)
      await expectSame(db)
      await changeSome(db, `mark = 'b'`, 2400)
      await expectSame(db)
    })

    test('is packed again with the columns that are there', async () => {
      const { db } = database()
      await pack(db, table, 'plays_2026_01')
      await pack(db, table, 'plays_2026_02')
      await expectSame(db)
      await changeSome(db, `rating = null, amount = 7`, 1100)
      await expectSame(db)
    })

    test('has packed values in the type that a column was given', async () => {
      const { db } = database()
      await run(db, 'drop view plays_history')
      await both(db, 'alter column song type bigint')
      await both(db, 'alter column note type varchar(100) collate "C"')
      await apply(db, table)
      await expectSame(db)
      await changeSome(db, `song = 5000000000`, 2200)
      await expectSame(db)
    })

    test('is made anew only when no view of others reads it', async () => {
      const { db } = database()
      await run(db, 'create view of_others as select id, mark from plays_history')
      await both(db, 'add column later int')
      expect(await apply(db, table)).toHaveLength(1)
      expect(await count(db, 'of_others')).toBe(await count(db, 'twin'))
      await expectSame(db)
      await both(db, 'rename column later to last')
      const { held, steps } = await contribute(db, [table])
      expect(steps).toEqual([])
      expect(held).toMatchObject([{ why: expect.stringContaining('of_others') as unknown }])
      await run(db, 'drop view of_others')
      await apply(db, table)
      await expectSame(db)
    })
  },
  async ({ db }) => {
    await createMonths(db)
    await run(db, 'create table twin (like plays)', 'insert into twin select * from plays')
    await tier(db, table)
    await pack(db, table, 'plays_2026_01')
    await pack(db, table, 'plays_2026_02')
    await run(db, `update plays_history set amount = 9 where id = 1001`, `update twin set amount = 9 where id = 1001`)
  },
)
