import { describe, expect, test } from 'vitest'
import { onlyRow } from '../../src/db/db.ts'
import { transaction } from '../../src/db/transaction.ts'
import { sql } from '../../src/sql/sql.ts'
import { fakeClock } from '../support/fake-clock.ts'
import { useDatabase, versions } from '../support/postgres.ts'

describe.each(versions)('a transaction on PostgreSQL %d', (version) => {
  const database = useDatabase(version, async ({ db }) => {
    await db.query(
      sql.raw('create table account (id int primary key, amount int); insert into account values (1, 0), (2, 0)'),
    )
  })
  const amount = async (id: number): Promise<number> =>
    onlyRow(await database().db.query<{ amount: number }>(sql`select amount from account where id = ${id}`)).amount

  test('that lost a race is run again, whole: every increment counts', async () => {
    const { db } = database()
    let attempts = 0
    const add = (): Promise<void> =>
      transaction(
        db,
        async (tx) => {
          attempts++
          const row = onlyRow(await tx.query<{ amount: number }>(sql`select amount from account where id = 1`))
          await tx.query(sql`update account set amount = ${row.amount + 1} where id = 1`)
        },
        { isolation: 'serializable', waitsMs: Array.from({ length: 30 }, () => 5) },
      )
    await Promise.all(Array.from({ length: 10 }, add))
    expect(await amount(1)).toBe(10)
    expect(attempts).toBeGreaterThan(10)
  })

  test('that fails takes nothing, and the session goes on', async () => {
    const { db } = database()
    const clock = fakeClock()
    await db.withSession(async (session) => {
      const failing = transaction(
        session,
        async (tx) => {
          await tx.query(sql`update account set amount = 7 where id = 2`)
          throw new Error('changed my mind')
        },
        { clock },
      )
      await expect(failing).rejects.toThrow('changed my mind')
      expect(clock.slept).toEqual([])
      await transaction(session, (tx) => tx.query(sql`update account set amount = amount + 1 where id = 2`))
    })
    expect(await amount(2)).toBe(1)
  })

  test('that only reads may not write', async () => {
    const writing = transaction(database().db, (tx) => tx.query(sql`update account set amount = 9`), { readOnly: true })
    await expect(writing).rejects.toMatchObject({ code: '25006' })
  })
})
