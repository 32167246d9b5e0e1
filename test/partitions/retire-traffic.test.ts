// Two readers and two writers all through a retention, with and without a default partition. The bound is the server's: a
// client that waits longer than its own lock_timeout fails, and a failed client fails the test.

import { describe, expect, test } from 'vitest'
import type { Db, Session } from '../../src/db/db.ts'
import { openDb } from '../../src/db/pg-db.ts'
import { sql } from '../../src/sql/sql.ts'
import { testDatabase, versions } from '../support/postgres.ts'
import { waitUntil } from '../support/wait.ts'
import {
  createPlays,
  declareTable,
  install,
  keepFor,
  partitionsOf,
  retire,
  retentionOptions,
  tablesOf,
} from './life-support.ts'

/** The ladder of these tests waits 100 ms at the most; a client on a busy machine gets more. */
const patienceMs = 1_000

describe.each(versions)('retention under traffic on PostgreSQL %d', (version) => {
  test.each([false, true])('readers and writers run through all of it (default partition: %s)', async (hasDefault) => {
    const database = await testDatabase(version)
    const { db } = database
    const clients = openDb({ url: database.url, max: 5 })
    try {
      await install(db)
      await createPlays(db)
      if (hasDefault) await db.query(sql`create table plays_default partition of plays default`)
      const plays = declareTable({ retain: keepFor('2 months', { grace: '0' }) })
      const traffic = startTraffic(clients)
      await waitUntil(() => traffic.count() > 40, { what: 'traffic' })
      const report = await retire([plays], retentionOptions(db, '2026-06-15T00:00:00Z'))
      const seen = traffic.count()
      await waitUntil(() => traffic.count() > seen + 40, { what: 'traffic afterwards' })
      expect(await traffic.stop()).toEqual([])
      expect(report).toMatchObject({ dropped: ['plays_2026_01', 'plays_2026_02', 'plays_2026_03'], warnings: [] })
      const left = ['plays_2026_04', 'plays_2026_05', 'plays_2026_06', ...(hasDefault ? ['plays_default'] : [])]
      expect(await partitionsOf(db)).toEqual(left)
      expect(await tablesOf(db)).toEqual(['plays', ...left])
    } finally {
      await clients.close()
      await database.close()
    }
  })
})

interface Traffic {
  count(): number
  stop(): Promise<readonly unknown[]>
}

function startTraffic(db: Db): Traffic {
  let done = 0
  let stopped = false
  const failures: unknown[] = []
  const client = (work: (session: Session, round: number) => Promise<void>): Promise<void> =>
    db.withSession(async (session) => {
      await session.query(sql.raw(`set lock_timeout = '${patienceMs}ms'`))
      for (let round = 0; !stopped; round++) {
        try {
          await work(session, round)
          done++
        } catch (error) {
          failures.push(error)
        }
      }
    })
  const reader = (session: Session): Promise<void> => read(session, failures)
  const working = [client(reader), client(reader), client(write(1)), client(write(2))]
  return {
    count: () => done,
    stop: async () => {
      stopped = true
      await Promise.all(working)
      return failures
    },
  }
}

/** What is kept is there, all of it, at every moment; of what goes, a partition is there as a whole or not at all. */
async function read(session: Session, failures: unknown[]): Promise<void> {
  const { rows } = await session.query<{ month: number; n: number }>(sql`
    select extract(month from played_at)::int as month, count(*)::int as n
    from plays
    where id < 1000
    group by 1
    order by 1`)
  const counts = rows.map(({ month, n }) => [month, n])
  if (
    counts.some(([, n]) => n !== 10) ||
    counts
      .slice(-3)
      .map(([month]) => month)
      .join() !== '4,5,6'
  )
    failures.push(counts)
}

const write =
  (writer: number) =>
  async (session: Session, round: number): Promise<void> => {
    await session.query(
      sql`insert into plays (id, played_at) values (${writer * 1_000_000 + round}, '2026-05-20 10:00+00')`,
    )
    await session.query(sql`update plays set note = 'y' where id = ${writer * 1_000_000 + round}`)
  }
