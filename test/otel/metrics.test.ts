// Durations, connections, waits, lag and retries, as a collector gets them.

import type { Histogram } from '@opentelemetry/sdk-metrics'
import pg from 'pg'
import { expect, onTestFinished, test } from 'vitest'
import { waitUntil } from '../support/wait.ts'
import { observe, usePools, valueOf } from './support.ts'

const pools = usePools()
const poolName = 'db.client.connection.pool.name'
const state = 'db.client.connection.state'

test('durations in seconds, by node, operation and error', async () => {
  const pool = await pools.open()
  const { metrics } = await observe()
  await pool.query('select pg_sleep(0.02)')
  await pool.query('select 1')
  await expect(pool.query('select 1 / 0')).rejects.toMatchObject({ code: '22012' })
  const all = await metrics()
  const reads = { 'db.operation.name': 'SELECT', 'pgstrata.node': 'replica-1', 'db.namespace': 'postgres' }
  const fine = valueOf(all, 'db.client.operation.duration', reads) as Histogram
  expect(fine.count).toBe(2)
  expect(fine.sum).toBeGreaterThan(0.019)
  expect(fine.sum).toBeLessThan(5)
  expect(fine.buckets.boundaries).toEqual([0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10])
  const failed = { 'error.type': '22012', 'db.response.status_code': '22012' }
  expect((valueOf(all, 'db.client.operation.duration', failed) as Histogram).count).toBe(1)
  const descriptor = all.find(({ descriptor: { name } }) => name === 'db.client.operation.duration')?.descriptor
  expect(descriptor?.unit).toBe('s')
})

test('connections by state, the most there may be, and who waits', async () => {
  const pool = await pools.open({ max: 2 })
  const { metrics } = await observe({ pool })
  const client = await pool.connect()
  await client.query('begin')
  const other = await pool.connect()
  await other.query('begin')
  const waiting = pool.query('create temporary table nothing ()')
  await waitUntil(() => pool.waitingCount === 1, { what: 'one to wait' })
  const busy = await metrics()
  const primary = { [poolName]: 'primary' }
  expect(valueOf(busy, 'db.client.connection.count', { ...primary, [state]: 'used' })).toBe(2)
  expect(valueOf(busy, 'db.client.connection.count', { ...primary, [state]: 'idle' })).toBe(0)
  expect(valueOf(busy, 'db.client.connection.max', { [poolName]: 'replica-1' })).toBe(2)
  expect(valueOf(busy, 'db.client.connection.pending_requests', primary)).toBe(1)
  for (const held of [client, other]) {
    await held.query('rollback')
    held.release()
  }
  await waiting
  const calm = await metrics()
  expect(valueOf(calm, 'db.client.connection.count', { ...primary, [state]: 'used' })).toBe(0)
  expect(valueOf(calm, 'db.client.connection.count', { ...primary, [state]: 'idle' })).toBe(2)
  expect(valueOf(calm, 'db.client.connection.pending_requests', primary)).toBe(0)
  const longest = valueOf(calm, 'pgstrata.connection.wait_time', { ...primary, 'pgstrata.percentile': 99 })
  expect(longest).toBe((pool.stats()[0]?.waits.p99Ms ?? 0) / 1_000)
  expect(longest).toBeGreaterThan(0)
})

test('who waited in vain', async () => {
  const pool = await pools.open({ max: 1, replicas: [], connectionTimeoutMillis: 1_000 })
  const { metrics } = await observe({ pool })
  const client = await pool.connect()
  await expect(pool.query('select 1')).rejects.toMatchObject({ code: 'POOL_TIMEOUT' })
  client.release()
  const all = await metrics()
  expect(valueOf(all, 'db.client.connection.timeouts', { [poolName]: 'primary' })).toBe(1)
  const failed = valueOf(all, 'db.client.operation.duration', { 'error.type': 'POOL_TIMEOUT' }) as Histogram
  expect(failed.count).toBe(1)
})

test('the lag of a replica grows while its replay is paused, and is of replicas alone', async () => {
  const [replica] = pools.cluster().replicas
  const pool = await pools.open()
  const { metrics } = await observe({ pool })
  await pool.query('create table if not exists lagging (n int4)')
  await replica?.pauseReplay()
  try {
    await pool.query('insert into lagging values (1)')
    const lag = await waitUntil(
      async () => {
        const value = valueOf(await metrics(), 'pgstrata.replica.lag', { 'pgstrata.node': 'replica-1' })
        return typeof value === 'number' && value > 0.2 ? value : undefined
      },
      { what: 'a lag of more than 0.2 s' },
    )
    expect(lag).toBeLessThan(60)
    expect(valueOf(await metrics(), 'pgstrata.replica.lag', { 'pgstrata.node': 'primary' })).toBeUndefined()
  } finally {
    await replica?.resumeReplay()
  }
})

test('a read that had to go elsewhere counts as a retry', async () => {
  const pool = await pools.open()
  const [replica] = pools.cluster().replicas
  const other = new pg.Client(replica?.url())
  await other.connect()
  onTestFinished(() => other.end())
  const { metrics, spans } = await observe()
  const reading = pool.query('select pg_sleep(1)')
  await waitUntil(
    async () => {
      const { rows } = await other.query<{ ended: boolean }>(
        `select pg_terminate_backend(pid) as ended from pg_stat_activity
         where query = 'select pg_sleep(1)' and state = 'active'`,
      )
      return rows[0]?.ended
    },
    { what: 'the connection of the read to be ended' },
  )
  await reading
  expect(spans().map(({ attributes }) => [attributes['pgstrata.node'], attributes['pgstrata.retries']])).toEqual([
    ['primary', 1],
  ])
  expect(valueOf(await metrics(), 'pgstrata.query.retries', { 'pgstrata.route': 'read' })).toBe(1)
})

test('several pools are told apart', async () => {
  const both = [await pools.open({ max: 3 }), await pools.open({ max: 4 })]
  const { metrics } = await observe({ pool: both })
  const all = await metrics()
  expect(valueOf(all, 'db.client.connection.max', { [poolName]: '1.primary' })).toBe(3)
  expect(valueOf(all, 'db.client.connection.max', { [poolName]: '2.replica-1' })).toBe(4)
})
