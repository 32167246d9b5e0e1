// Who has been in a transaction for long, and holds what is about to be locked.

import { expect, test } from 'vitest'
import type { LockMode, OpenTransaction } from '../../src/plan/index.ts'
import { readOpenTransactions } from '../../src/plan/index.ts'
import { lockModes } from '../../src/plan/locks.ts'
import { sql } from '../../src/sql/sql.ts'
import { describeOnEachVersion } from '../support/postgres.ts'

describeOnEachVersion('open transactions', (_version, database) => {
  test('are told with what they hold, for every pair of modes as the server itself decides', async () => {
    const { db } = database()
    await db.query(sql`create table "Pla ys" (x int)`)
    const on = '"Pla ys"'
    for (const held of lockModes) {
      await db.withSession(async (holder) => {
        await holder.query(sql.raw(`begin; lock table ${on} in ${held} mode`))
        const waits: LockMode[] = []
        const said: LockMode[] = []
        for (const mode of lockModes) {
          const attempt = sql.raw(`begin; lock table ${on} in ${mode} mode nowait; rollback`)
          await db.withSession(async (other) => {
            await other.query(attempt).catch(async () => {
              waits.push(mode)
              await other.query(sql`rollback`)
            })
          })
          const found = await readOpenTransactions(db, { olderThanMs: 0, locks: [{ mode, on }] })
          const own = found.filter(({ pid }) => pid === holder.pid)
          expect(own).toHaveLength(1)
          if (own[0]?.holds.includes(on) === true) said.push(mode)
        }
        await holder.query(sql`rollback`)
        expect([held, said]).toEqual([held, waits])
      })
    }
  })

  test('young ones, other tables and tables that are not there do not count', async () => {
    const { db } = database()
    await db.query(sql`create table mine (x int)`)
    await db.withSession(async (holder) => {
      await holder.query(sql`begin; select from mine`)
      const ask = (olderThanMs: number, on: string): Promise<readonly OpenTransaction[]> =>
        readOpenTransactions(db, { olderThanMs, locks: [{ mode: 'ACCESS EXCLUSIVE', on }] })
      expect(await ask(3_600_000, 'mine')).toEqual([])
      expect(await ask(0, 'nowhere.nothing')).toMatchObject([
        { pid: holder.pid, state: 'idle in transaction', holds: [] },
      ])
      expect(await ask(0, 'mine')).toMatchObject([{ pid: holder.pid, holds: ['mine'] }])
      await holder.query(sql`rollback`)
    })
  })
})
