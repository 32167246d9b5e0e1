// Questions with a limit: what takes too long is ended on the server, who waits for a connection waits no longer than that either, and
// what comes then finds the connection free.

import { expect, test } from 'vitest'
import { boundedReads } from '../../src/db/bounded-reads.ts'
import { openDb } from '../../src/db/pg-db.ts'
import { sql } from '../../src/sql/sql.ts'
import { fakeClock } from '../support/fake-clock.ts'
import { describeOnEachVersion } from '../support/postgres.ts'
import { waitUntil } from '../support/wait.ts'

describeOnEachVersion('bounded reads', (_version, database) => {
  test('a limit, a lock, a write and a mistake are each told as what they are', async () => {
    const db = openDb({ url: database().url, max: 1 })
    try {
      const reads = boundedReads({ db, connections: 1, limitMs: 500, clock: fakeClock() })
      await expect(reads.query(sql`select pg_sleep(60)`)).rejects.toMatchObject({ code: 'QUERY_TIMEOUT' })
      await database().db.query(sql`create table locked ()`)
      await database().db.withSession(async (holder) => {
        await holder.query(sql`begin; lock table locked`)
        await expect(reads.query(sql`select from locked`)).rejects.toMatchObject({ code: 'QUERY_TIMEOUT' })
        await holder.query(sql`rollback`)
      })
      await expect(reads.query(sql`create table more ()`)).rejects.toMatchObject({ code: '25006' })
      await expect(reads.query(sql`select 1 / 0`)).rejects.toMatchObject({ code: '22012' })
      expect((await reads.query(sql`select 1 as one`)).rows).toEqual([{ one: 1 }])
    } finally {
      await db.close()
    }
  })

  test('who waits for a connection is not told that the database is away', async () => {
    const clock = fakeClock()
    const db = openDb({ url: database().url, max: 1 })
    try {
      const reads = boundedReads({ db, connections: 1, limitMs: 60_000, clock })
      const first = reads.query(sql`select pg_sleep(60)`).catch((error: unknown) => error)
      const running = sql`
        select pid from pg_stat_activity where datname = current_database() and query like '%pg_sleep(60)%' and pid <> pg_backend_pid()`
      await waitUntil(async () => (await database().db.query(running)).rows.length === 1, { what: 'the first one' })
      const others = Array.from({ length: 101 }, () => reads.query(sql`select 1`).catch((error: unknown) => error))
      expect(await others.at(-1)).toMatchObject({ code: 'QUERY_TIMEOUT', message: /too much is asked at once/ })
      clock.advance(60_000)
      for (const error of await Promise.all(others.slice(0, -1))) {
        expect(error).toMatchObject({ code: 'QUERY_TIMEOUT', message: /others were asking/ })
      }
      const next = reads.query(sql`select 1 as one`)
      await database().db.query(
        sql`select pg_cancel_backend(pid) from pg_stat_activity where datname = current_database() and query like '%pg_sleep(60)%' and pid <> pg_backend_pid()`,
      )
      expect(await first).toMatchObject({ code: 'QUERY_TIMEOUT', message: /cancelled/ })
      expect((await next).rows).toEqual([{ one: 1 }])
    } finally {
      await db.close()
    }
  })
})
