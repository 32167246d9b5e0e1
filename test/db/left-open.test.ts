// A transaction that somebody begins and does not end goes with its connection: nobody is given either.

import { expect, test } from 'vitest'
import { openDb } from '../../src/db/pg-db.ts'
import { sql } from '../../src/sql/sql.ts'
import { describeOnEachVersion } from '../support/postgres.ts'

describeOnEachVersion('a transaction that is left open', (_version, database) => {
  test.each(['work that fails', 'work that ends'])('by %s', async (how) => {
    const db = openDb({ url: database().url, max: 1 })
    try {
      await db.query(sql`create table if not exists locked (id int)`)
      let pid = 0
      const left = db.withSession(async (session) => {
        pid = session.pid
        await session.query(sql`begin`)
        await session.query(sql`lock table locked`)
        if (how === 'work that fails') throw new Error('in the middle')
      })
      if (how === 'work that fails') await expect(left).rejects.toThrow('in the middle')
      else await left
      await db.withSession(async (session) => {
        expect(session.pid).not.toBe(pid)
        await session.query(sql`insert into locked values (1)`)
      })
      expect((await database().db.query(sql`select from locked`)).rowCount).toBeGreaterThan(0)
    } finally {
      await db.close()
    }
  })
})
