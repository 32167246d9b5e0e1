// Which statement goes where, on real servers, and what happens to a read whose replica lets it down.

import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import { startCluster, type EmbeddedCluster, type EmbeddedReplica } from '../../../src/embedded/index.ts'
import { openDb } from '../../../src/db/pg-db.ts'
import type { StrataPoolConfig } from '../../../src/db/pool/options.ts'
import { StrataPool } from '../../../src/db/pool/strata-pool.ts'
import { sql } from '../../../src/sql/sql.ts'
import { waitUntil } from '../../support/wait.ts'
import {
  errorOf,
  makeFunctions,
  portOf,
  readFunctions,
  untilReading,
  untilUp,
  usesOf,
  wherePort,
} from './strata-pool-support.ts'

let cluster: EmbeddedCluster
let first: EmbeddedReplica
let second: EmbeddedReplica
let primaryPort: number
const opened: StrataPool[] = []

beforeAll(async () => {
  cluster = await startCluster({ inMemory: true, replicas: 2 })
  ;[first, second] = cluster.replicas as [EmbeddedReplica, EmbeddedReplica]
  primaryPort = cluster.primary.port
  const db = openDb({ url: cluster.primary.url() })
  for (const text of makeFunctions.split(';')) await db.query(sql.raw(text))
  await db.query(sql`create table notes (id int4)`)
  await db.query(sql`create sequence numbers`)
  await db.query(sql`create function sly() returns int4 language plpgsql stable as
    $$ begin return nextval('numbers'); end $$`)
  await db.close()
})

beforeEach(async () => {
  await Promise.all(cluster.replicas.map((replica) => replica.waitFor()))
})

afterEach(async () => {
  await Promise.all(cluster.replicas.map((replica) => replica.resumeReplay()))
  await Promise.all(opened.splice(0).map((pool) => pool.end()))
})

afterAll(async () => {
  await cluster.stop()
})

async function openPool(config: StrataPoolConfig = {}): Promise<StrataPool> {
  const pool = new StrataPool({
    connectionString: cluster.primary.url(),
    readFunctions,
    replicas: [{ connectionString: first.url() }],
    ...config,
  })
  opened.push(pool)
  if (config.consistency === 'primary') await pool.start()
  else await untilReading(pool, wherePort)
  for (const { node } of pool.nodes()) await untilUp(pool, node)
  await waitUntil(() => pool.nodes().every(({ lagMs }) => lagMs !== null), { what: 'every lag to be known' })
  return pool
}

test('reads go to the replica, what is no read to the primary, and what is told goes where it is told', async () => {
  const pool = await openPool({ queries: { reports: 'read', balance_sync: 'write' } })
  await waitUntil(async () => (await portOf(pool)) === first.port, { what: 'reads on the replica' })
  expect(await portOf(pool, { route: 'write' })).toBe(primaryPort)
  expect(await portOf(pool, { route: 'balance_sync' })).toBe(primaryPort)
  expect(await portOf(pool, { route: 'reports' })).toBe(first.port)
  expect(await pool.routed('balance_sync', () => portOf(pool))).toBe(primaryPort)
  const inserted = await pool.routed('reports', () => pool.query('insert into notes values (5)'))
  expect(inserted.rowCount).toBe(1)
  for (const route of ['elsewhere', 'toString', '']) {
    expect(await errorOf(() => portOf(pool, { route }))).toMatchObject({ code: 'VALUE_INVALID' })
    expect(await errorOf(() => pool.routed(route, () => 1))).toMatchObject({ code: 'VALUE_INVALID' })
  }
})

test('analytics goes to its own replica; without one to a read replica; without any to the primary', async () => {
  const both = await openPool({
    replicas: [{ connectionString: first.url() }, { connectionString: second.url(), routes: ['analytics'] }],
  })
  expect(await portOf(both, { route: 'analytics' })).toBe(second.port)
  const one = await openPool()
  const readOnly = async (pool: StrataPool): Promise<number | undefined> => {
    const client = await pool.connect()
    await pool.routed('analytics', () => client.query('begin read only'))
    const port = await portOf(client)
    await client.query('commit')
    client.release()
    return port
  }
  expect(await portOf(one, { route: 'analytics' })).toBe(first.port)
  expect(one.explainRouting({ text: wherePort, route: 'analytics' }).node).toBe('replica-1')
  expect(await readOnly(one)).toBe(first.port)
  await first.pauseReplay()
  const session = one.session()
  await session.run(() => one.query('insert into notes values (2)'))
  expect(await session.run(() => portOf(one, { route: 'analytics' }))).toBe(primaryPort)
  expect(await session.run(() => readOnly(one))).toBe(primaryPort)
})

test('a primary that takes reads has its share, and the node with the least to do comes first', async () => {
  const pool = await openPool({ routes: ['write', 'read'], max: 4 })
  const ports = await Promise.all(Array.from({ length: 8 }, () => portOf(pool)))
  expect(new Set(ports)).toEqual(new Set([primaryPort, first.port]))
  const { port } = (await pool.query<{ port: number }>(wherePort)).rows[0] ?? { port: 0 }
  expect([primaryPort, first.port]).toContain(port)
  const slow = Array.from({ length: 3 }, () => pool.query({ text: 'select pg_sleep(0.3)', route: 'write' }))
  const busy = await Promise.all(Array.from({ length: 4 }, () => portOf(pool)))
  expect(busy.filter((each) => each === first.port).length).toBeGreaterThanOrEqual(2)
  await Promise.all(slow)
})

test('a replica beyond its maxLag is passed over, and taken back', async () => {
  const pool = await openPool({
    consistency: 'eventual',
    replicas: [{ connectionString: first.url(), maxLag: '100ms' }],
  })
  await waitUntil(async () => (await portOf(pool)) === first.port, { what: 'reads on the replica' })
  await first.pauseReplay()
  await pool.query('insert into notes values (3)')
  await waitUntil(async () => (await portOf(pool)) === primaryPort, { what: 'the replica to be passed over' })
  expect(pool.explainRouting(wherePort).others).toEqual([{ node: 'replica-1', reason: 'it lags too far behind' }])
  await first.resumeReplay()
  await waitUntil(async () => (await portOf(pool)) === first.port, { what: 'the replica to be taken back' })
})

test("outside of sessions: 'process' sees its own writes, 'eventual' may not, 'primary' reads there", async () => {
  const count = `select count(*)::int4 as n from notes where id = 99`
  for (const [consistency, seen] of [
    ['process', 1],
    ['eventual', 0],
  ] as const) {
    await first.waitFor()
    const pool = await openPool({ consistency, replicas: [{ connectionString: first.url(), maxLag: '1 hour' }] })
    await first.pauseReplay()
    await pool.query('insert into notes values (99)')
    expect((await pool.query(count)).rows).toEqual([{ n: seen }])
    await pool.query('delete from notes where id = 99')
    await first.resumeReplay()
  }
  const pool = await openPool({ consistency: 'primary' })
  expect(pool.explainRouting(wherePort)).toMatchObject({ route: 'write', node: 'primary' })
  expect(await pool.scope(undefined, () => portOf(pool))).toBe(first.port)
})

test('reads whose backends are terminated on the replica are run again', async () => {
  const pool = await openPool()
  const killer = openDb({ url: first.url(), max: 1 })
  let failed = 0
  for (let round = 0; round < 5; round++) {
    await untilUp(pool, 'replica-1')
    await waitUntil(async () => (await portOf(pool)) === first.port, { what: 'reads on the replica' })
    const before = usesOf(pool, 'replica-1')
    const reads = Array.from({ length: 8 }, () =>
      pool.query('select count(*) from notes right join generate_series(1, 400000) on true'),
    )
    await waitUntil(() => usesOf(pool, 'replica-1') > before, { what: 'a read on the replica' })
    await killer.query(sql`select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'pgstrata'
      and pid <> pg_backend_pid() and query like '%notes%'`)
    failed += (await Promise.allSettled(reads)).filter(({ status }) => status === 'rejected').length
  }
  await killer.close()
  expect(failed).toBe(0)
})

test('a function that only claims to read runs on the primary once a replica refused it, and stays there', async () => {
  const pool = await openPool()
  const text = 'select sly() as one'
  await waitUntil(() => pool.explainRouting(text).route === 'read', { what: 'the function to be known' })
  expect((await pool.query(text)).rows).toEqual([{ one: 1 }])
  expect(pool.explainRouting(text)).toMatchObject({ route: 'write', why: 'a replica refused to run it' })
})
