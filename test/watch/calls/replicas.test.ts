// With replicas, too, each statement is counted once, wherever it went; and one that is behind is told of.

import Cursor from 'pg-cursor'
import QueryStream from 'pg-query-stream'
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest'
import { systemClock } from '../../../src/base/clock.ts'
import { seededRandom } from '../../../src/base/random.ts'
import { openDb } from '../../../src/db/pg-db.ts'
import { StrataPool } from '../../../src/db/pool/strata-pool.ts'
import { createQueryApi } from '../../../src/db/query/index.ts'
import { startCluster, type EmbeddedCluster } from '../../../src/embedded/index.ts'
import { sql } from '../../../src/sql/sql.ts'
import type { ReplicaLag } from '../../../src/watch/index.ts'
import { labelsOf } from '../../../src/watch/monitor/replicas.ts'
import { fakeClock } from '../../support/fake-clock.ts'
import { waitUntil } from '../../support/wait.ts'
import { watchPool } from '../monitor/support.ts'

let started: EmbeddedCluster | undefined
beforeAll(async () => {
  started = await startCluster({ inMemory: true, replicas: 1, preload: ['pg_stat_statements'] })
  const db = openDb({ url: started.primary.url() })
  await db.query(sql`create extension pg_stat_statements; create table pile (n int)`)
  await db.close()
})
afterAll(() => started?.stop())

async function openPool(): Promise<StrataPool> {
  const { primary, replicas } = started as EmbeddedCluster
  const pool = new StrataPool({
    connectionString: primary.url(),
    replicas: replicas.map((replica) => ({ connectionString: replica.url(), maxLag: '1h' })),
  })
  onTestFinished(() => pool.end())
  await pool.start()
  await waitUntil(() => pool.explainRouting('select 1').node === 'replica-1', { what: 'reads to go to the replica' })
  return pool
}

/** On all nodes together, of statements that have this in them. */
async function countedByServers(mark: string): Promise<number> {
  const { primary, replicas } = started as EmbeddedCluster
  const counts = await Promise.all(
    [primary, ...replicas].map(async (node) => {
      const db = openDb({ url: node.url() })
      const { rows } = await db.query<{ calls: number }>(sql`
        select coalesce(sum(calls), 0)::int as calls from pg_stat_statements where query like ${`%${mark}%`} and query not like '%pg_stat%'`)
      await db.close()
      return rows[0]?.calls ?? 0
    }),
  )
  return counts.reduce((sum, calls) => sum + calls, 0)
}

test('each statement is counted once, on whichever node it ran, in a session and without', async () => {
  const pool = await openPool()
  const monitor = watchPool(pool)
  const api = createQueryApi(pool, { clock: systemClock, random: seededRandom(1) })
  const runAll = async (): Promise<void> => {
    await pool.query('select n as marked from pile')
    await pool.query('insert into pile values (1) returning n as marked')
    const client = await pool.connect()
    await client.query('select n + 1 as marked from pile')
    await client.query('begin read only')
    await client.query('select n + 2 as marked from pile')
    await client.query('commit')
    await client.query('begin')
    await client.query('insert into pile values (2) returning n as marked')
    await client.query('commit')
    const cursor = client.query(new Cursor('select n + 3 as marked from pile'))
    await cursor.close()
    client.release()
    for await (const _row of pool.query(new QueryStream('select n + 4 as marked from pile')));
    await api.query(sql`select n + 5 as marked from pile`)
    await api.batch([sql`select n + 6 as marked from pile`, sql`select n + 7 as marked from pile`])
  }
  await runAll()
  await pool.scope(undefined, runAll)
  const marked = (await monitor.getShapes()).filter(({ text }) => text.includes('marked'))
  expect(marked.reduce((sum, { total }) => sum + total.count, 0)).toBe(20)
  expect(await countedByServers('marked')).toBe(20)
  // And four for the transactions: nothing of the library's own.
  expect(monitor.getStats(60_000)).toMatchObject({ count: 28, errors: 0 })
})

test('a replica whose replay stands still is told of, one that keeps up is not', async () => {
  const pool = await openPool()
  const monitor = watchPool(pool, { thresholds: { replicaLagMs: 150 } })
  const told: { replica: string; lagMs: number | null }[] = []
  monitor.on('replicaLag', (lag) => void told.push(lag))
  await monitor.check()
  expect(told).toEqual([])
  const [replica] = (started as EmbeddedCluster).replicas
  const onReplica = openDb({ url: replica?.url() ?? '' })
  onTestFinished(() => onReplica.close())
  await onReplica.query(sql`select pg_wal_replay_pause()`)
  try {
    await pool.query('insert into pile values (3)')
    await waitUntil(
      async () => {
        await pool.query({ text: 'select 1', route: 'read' })
        await monitor.check()
        return told.length > 0
      },
      { what: 'the lag' },
    )
    expect(told).toMatchObject([{ replica: 'replica-1' }])
    expect(told[0]?.lagMs).toBeGreaterThan(150)
  } finally {
    await onReplica.query(sql`select pg_wal_replay_resume()`)
  }
})

test('a plain pool hears of a replica from its primary', async () => {
  const { default: pg } = await import('pg')
  const pool = new pg.Pool({ connectionString: (started as EmbeddedCluster).primary.url() })
  onTestFinished(() => pool.end())
  const monitor = watchPool(pool, { thresholds: { replicaLagMs: 150 } })
  const told: { lagBytes: number | null }[] = []
  monitor.on('replicaLag', (lag) => void told.push(lag))
  await monitor.check()
  expect(told).toEqual([])
  // Replicas are there, and were not handed in: what they use is not known.
  await pool.query('create index pile_n on pile (n)')
  expect(await monitor.getUnusedIndexes()).toMatchObject([{ indexname: 'pile_n', replicas: 'not asked' }])
})

test('a plain pool of a role that may not see replicas says so, and names those that it may', async () => {
  const { primary } = started as EmbeddedCluster
  const db = openDb({ url: primary.url() })
  await db.query(sql`create role sees_little login`)
  onTestFinished(async () => {
    await db.query(sql`drop role sees_little`)
    await db.close()
  })
  const { default: pg } = await import('pg')
  const asRole = new URL(primary.url())
  asRole.username = 'sees_little'
  const pool = new pg.Pool({ connectionString: asRole.href, max: 1 })
  const clock = fakeClock()
  const monitor = watchPool(pool, { clock, thresholds: { replicaLagMs: 0 } })
  const told: ReplicaLag[] = []
  monitor.on('replicaLag', (lag) => void told.push(lag))
  await monitor.check()
  expect(told).toEqual([
    {
      replica: 'all',
      lagMs: null,
      lagBytes: null,
      threshold: 0,
      unavailable: expect.stringMatching(/^not available because role "sees_little" .* grant pg_monitor/),
    },
  ])
  clock.advance(59 * 60_000)
  await monitor.check()
  expect(told).toHaveLength(1)
  await db.query(sql`grant pg_monitor to sees_little`)
  await monitor.check()
  expect(told.slice(1).filter(({ unavailable }) => unavailable !== undefined)).toEqual([])
  await pool.end()
})

test('replicas of one name are told apart by what stays the same when they connect anew', () => {
  const one = { pid: 7, name: 'walreceiver', address: '10.0.0.1', slot: 'east' }
  expect(labelsOf([one])).toEqual(['walreceiver'])
  expect(labelsOf([one, { ...one, pid: 8, slot: 'west' }])).toEqual(['walreceiver east', 'walreceiver west'])
  expect(labelsOf([one, { ...one, pid: 8, address: '10.0.0.2', slot: null }, { ...one, name: 'other' }])).toEqual([
    'walreceiver east',
    'walreceiver 10.0.0.2',
    'other',
  ])
  const local = { ...one, address: null, slot: null }
  expect(labelsOf([local, { ...local, pid: 8 }, { ...local, pid: 9, name: '' }])).toEqual([
    'walreceiver 7',
    'walreceiver 8',
    '9',
  ])
})
