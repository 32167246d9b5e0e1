// Writers insert, update (also from period to period) and delete, readers count, all through the draining of a large default
// partition: no row is lost, doubled or out of sight at any moment, and nobody fails. What should be there is what the
// writers were told.

import { describe, expect, test } from 'vitest'
import { onlyRow, type Db, type Session } from '../../src/db/db.ts'
import { openDb } from '../../src/db/pg-db.ts'
import { sql } from '../../src/sql/sql.ts'
import { seededRandom, type Random } from '../../src/base/random.ts'
import { testDatabase, versions } from '../support/postgres.ts'
import { scaled, seed } from '../support/property.ts'
import { waitUntil } from '../support/wait.ts'
import {
  drain as drainAll,
  createPlays,
  declareTable,
  install,
  partitionsOf,
  retentionOptions,
} from './life-support.ts'

/** Rows that nobody changes: every reader must see each of them, at every moment. */
const steady = 2_000
const patienceMs = 5_000

describe.each(versions)('draining under traffic on PostgreSQL %d', (version) => {
  test.each([
    ['bit by bit', scaled(30_000)],
    // With a foreign key, and few rows.
    ['at once', 3_000],
  ])('%s', async (way, rows) => {
    console.log(`drain under traffic on PostgreSQL ${version}: seed ${seed}`)
    const database = await testDatabase(version)
    const { db } = database
    const clients = openDb({ url: database.url, max: 6 })
    try {
      await install(db)
      await createPlays(db)
      await db.query(
        sql.raw(`create table plays_default partition of plays default;
        insert into plays select g, '2025-07-02'::timestamptz + (g % 150) * interval '1 day', 'start'
        from generate_series(10001, ${10_000 + rows}) as g`),
      )
      if (way === 'at once')
        await db.query(
          sql`create table song (id int primary key); alter table plays add column song int references song`,
        )
      const traffic = startTraffic(clients, { rows, anyReader: way === 'bit by bit' })
      await waitUntil(() => traffic.count() > 60, { what: 'traffic' })
      const steps = new Set<string>()
      const report = await drainAll([declareTable({ outside: 'default' })], {
        ...retentionOptions(db, '2026-06-15T00:00:00Z'),
        onCommit: async (what) => {
          steps.add(what)
          // Some writing between any two steps, so that every step has something to carry over.
          const seen = traffic.count()
          await waitUntil(() => traffic.count() > seen + 5, { what: 'traffic in between' })
        },
      })
      const seen = traffic.count()
      await waitUntil(() => traffic.count() > seen + 60, { what: 'traffic afterwards' })
      const { failures, expected } = await traffic.stop()
      expect(failures).toEqual([])
      expect(report.warnings).toEqual([])
      expect(report.made.toSorted()).toEqual([
        'plays_2025_07',
        'plays_2025_08',
        'plays_2025_09',
        'plays_2025_10',
        'plays_2025_11',
      ])
      if (way === 'bit by bit')
        expect(steps).toEqual(new Set(['prepared', 'copied', 'caught up', 'compared', 'exchanged']))
      const { rows: found } = await db.query<{ id: number; note: string }>(
        sql`select id, note from plays where id > 100000 order by id`,
      )
      expect(found.map(({ id, note }) => `${id} ${note}`)).toEqual(
        [...expected].toSorted(([a], [b]) => a - b).map(([id, note]) => `${id} ${note}`),
      )
      expect(onlyRow(await db.query<{ n: number }>(sql`select count(*)::int as n from plays_default`)).n).toBe(0)
      expect((await partitionsOf(db)).filter((name) => name.startsWith('pgstrata'))).toEqual([])
    } finally {
      await clients.close()
      await database.close()
    }
  })
})

interface Traffic {
  count(): number
  stop(): Promise<{ failures: readonly unknown[]; expected: ReadonlyMap<number, string> }>
}

function startTraffic(db: Db, { rows, anyReader }: { readonly rows: number; readonly anyReader: boolean }): Traffic {
  let done = 0
  let stopped = false
  const failures: unknown[] = []
  const expected = new Map<number, string>()
  const client = (work: (session: Session, round: number) => Promise<void>): Promise<void> =>
    db.withSession(async (session) => {
      await session.query(sql.raw(`set lock_timeout = '${patienceMs}ms'`))
      await session.query(
        sql.raw(`prepare counted as select count(*)::int as n from plays where id <= ${10_000 + steady}`),
      )
      for (let round = 0; !stopped; round++) {
        try {
          await work(session, round)
          done++
        } catch (error) {
          failures.push(error)
        }
      }
    })
  const steadyRows = sql.raw(
    `select count(distinct id)::int as n from plays where id <= ${10_000 + steady} and played_at > '2025-01-01'`,
  )
  const read = async (session: Session, round: number): Promise<void> => {
    let query = steadyRows
    if (anyReader && round % 3 === 0) query = sql`execute counted`
    // A snapshot that is older than the first look at the table.
    const inSnapshot = anyReader && round % 3 === 1
    if (inSnapshot) await session.query(sql`begin isolation level repeatable read; select 1`)
    const { n } = onlyRow(await session.query<{ n: number }>(query))
    if (inSnapshot) await session.query(sql`commit`)
    if (n !== steady + 60) failures.push(`a reader saw ${n} rows`)
  }
  const working = [
    client(read),
    client(read),
    ...[1, 2].map((writer) => {
      const random = seededRandom(seed + writer)
      return client((session, round) => write(session, { writer, round, random, expected, rows }))
    }),
  ]
  return {
    count: () => done,
    stop: async () => {
      stopped = true
      await Promise.all(working)
      return { failures, expected }
    },
  }
}

interface Writing {
  readonly writer: number
  readonly round: number
  readonly random: Random
  readonly expected: Map<number, string>
  /** Of those that were there before. */
  readonly rows: number
}

/** Each writer has ids of its own, and notes what it was told. */
async function write(session: Session, { writer, round, random, expected, rows }: Writing): Promise<void> {
  const base = writer * 1_000_000
  const id = base + round
  const day = Math.floor(random() * 150)
  const place = sql`'2025-07-02'::timestamptz + ${day} * interval '1 day'`
  await session.query(sql`insert into plays (id, played_at, note) values (${id}, ${place}, 'new')`)
  expected.set(id, 'new')
  const other = base + Math.floor(random() * round)
  if (!expected.has(other)) return
  if (random() < 0.4) {
    await session.query(sql`delete from plays where id = ${other}`)
    expected.delete(other)
  } else {
    const note = `moved ${round}`
    await session.query(sql`update plays set note = ${note}, played_at = ${place} where id = ${other}`)
    expected.set(other, note)
  }
  // Rows that were there before: those behind the steady ones.
  const old = 10_001 + steady + Math.floor(random() * (rows - steady))
  await session.query(sql`update plays set note = 'touched' where id = ${old}`)
}
