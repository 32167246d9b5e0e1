// Bounds: of the queue, of the wait, of the share in use; and what is told of them.

import { describe, expect, test } from 'vitest'
import { useDatabase } from '../../support/postgres.ts'
import { fakeClock } from '../../support/fake-clock.ts'
import { waitUntil } from '../../support/wait.ts'
import type { PooledClient } from '../../../src/db/pool/connections/node-pool.ts'
import { Waits } from '../../../src/db/pool/connections/waits.ts'
import { acquire, failure, openPool, startSilentServer } from './node-pool-support.ts'

describe('the bounds of a pool', () => {
  const database = useDatabase(18)

  test('whoever finds the queue full is refused at once, and told how busy it was', async () => {
    const { pool } = openPool(database().url, { max: 2, maxWaiting: 3 })
    const held = await Promise.all([acquire(pool), acquire(pool)])
    const waiting = [acquire(pool), acquire(pool), acquire(pool)]
    await expect(acquire(pool)).rejects.toMatchObject({
      code: 'POOL_FULL',
      message:
        'Too many wait for a connection of primary (somebody@somewhere:5432/something): 2 of 2 in use, 0 being made, 3 waiting',
      details: { node: 'primary', max: 2, maxWaiting: 3, inUse: 2, connecting: 0, waiting: 3 },
    })
    expect(pool.stats().waits.refused).toBe(1)
    for (const client of held) pool.release(client)
    for (const client of waiting) pool.release(await client)
  })

  test('those for whom a connection can be made do not count as waiting in the queue', async () => {
    const { pool } = openPool(database().url, { max: 2, maxWaiting: 0 })
    const clients = await Promise.all([acquire(pool), acquire(pool)])
    await expect(acquire(pool)).rejects.toMatchObject({ code: 'POOL_FULL' })
    for (const client of clients) pool.release(client)
  })

  test('a wait in the queue ends at its bound, each at its own', async () => {
    const clock = fakeClock()
    const { pool } = openPool(database().url, { max: 1, clock, connectTimeoutMs: 1_000 })
    const held = await acquire(pool)
    const first = acquire(pool)
    clock.advance(500)
    const second = acquire(pool)
    const failed = failure(first)
    clock.advance(499)
    expect(pool.waiting).toBe(2)
    clock.advance(51)
    expect(await failed).toMatchObject({
      code: 'POOL_TIMEOUT',
      message:
        'No connection of primary (somebody@somewhere:5432/something) came free within 1000 ms: 1 of 1 in use, 0 being made, 2 waiting',
      details: { waitedFor: 'queue', inUse: 1, waiting: 2 },
    })
    expect(pool.waiting).toBe(1)
    pool.release(held)
    pool.release(await second)
    clock.advance(60_000)
    expect(pool.stats().waits).toMatchObject({ count: 2, timedOut: 1, maxMs: expect.closeTo(1_025, 0) })
  })

  test('a wait for a server that accepts and says nothing ends at its bound, and so does the attempt', async () => {
    const { url, sockets } = await startSilentServer()
    const clock = fakeClock()
    const { pool } = openPool(url, { max: 1, clock, connectTimeoutMs: 1_000 })
    const first = acquire(pool)
    await waitUntil(() => sockets.size === 1, { what: 'the first attempt to arrive' })
    const [silent] = sockets
    clock.advance(500)
    const second = acquire(pool)
    const firstFailed = failure(first)
    clock.advance(550)
    expect(await firstFailed).toMatchObject({
      code: 'POOL_TIMEOUT',
      details: { waitedFor: 'connection', inUse: 0, connecting: 1 },
    })
    // Its time is not up: another attempt is made for it, when the first one is out of the way.
    await waitUntil(() => sockets.size === 1 && !sockets.has(silent as never), { what: 'the second attempt to arrive' })
    expect(pool).toMatchObject({ waiting: 1, total: 1 })
    const secondFailed = failure(second)
    clock.advance(1_050)
    expect(await secondFailed).toMatchObject({ code: 'POOL_TIMEOUT' })
    await waitUntil(() => sockets.size === 0, { what: 'the second attempt to be given up' })
    expect(pool).toMatchObject({ waiting: 0, total: 0 })
    expect(pool.stats()).toMatchObject({ connects: 0, connectFailures: 2 })
  })

  test('use that crosses its mark is warned of once, until it has fallen well below', async () => {
    const clock = fakeClock()
    const { pool, told } = openPool(database().url, { max: 10, clock, warnAt: 0.8 })
    const held: PooledClient[] = []
    const use = async (count: number): Promise<void> => {
      while (held.length < count) held.push(await acquire(pool))
      while (held.length > count) pool.release(held.pop() as PooledClient)
      clock.advance(1_000)
    }
    await use(7)
    expect(told.warnings).toEqual([])
    await use(8)
    expect(told.warnings).toMatchObject([{ node: 'primary', active: 8, max: 10, utilization: 80 }])
    await use(10)
    await use(7)
    await use(8)
    expect(told.warnings).toHaveLength(1)
    await use(6)
    await use(8)
    expect(told.warnings).toHaveLength(2)
    await use(0)
  })

  test('a pool of one does not warn with every statement', async () => {
    const clock = fakeClock()
    const { pool, told } = openPool(database().url, { max: 1, clock })
    for (let n = 0; n < 100; n++) {
      pool.release(await acquire(pool))
      clock.advance(15)
    }
    // 1.5 seconds: at once, and after one.
    expect(told.warnings).toHaveLength(2)
  })

  test('that somebody must wait while all are in use is told once, until use has fallen', async () => {
    const clock = fakeClock()
    const { pool, told } = openPool(database().url, { max: 1, clock })
    const held = await acquire(pool)
    expect(told.exhausted).toEqual([])
    const waiting = [acquire(pool)]
    expect(told.exhausted).toMatchObject([{ active: 1, waiting: 1 }])
    clock.advance(10_000)
    waiting.push(acquire(pool))
    expect(told.exhausted).toHaveLength(1)
    pool.release(held)
    for (const client of waiting) pool.release(await client)
    clock.advance(1_000)
    const again = await acquire(pool)
    const last = acquire(pool)
    expect(told.exhausted).toHaveLength(2)
    pool.release(again)
    pool.release(await last)
  })

  test('use is averaged over time, waits are kept, and both begin anew', async () => {
    const clock = fakeClock()
    const { pool } = openPool(database().url, { max: 2, clock })
    const first = await acquire(pool)
    const second = await acquire(pool)
    pool.resetStats()
    clock.advance(100)
    const third = acquire(pool)
    clock.advance(100)
    pool.release(second)
    expect(await third).toBe(second)
    pool.release(second)
    clock.advance(200)
    pool.release(first)
    clock.advance(400)
    // Two for 200 ms, one for 200 ms, none for 400 ms.
    expect(pool.stats()).toMatchObject({
      utilization: 0,
      averageUtilization: 37.5,
      uses: 1,
      connects: 0,
      waits: { count: 1, timedOut: 0, refused: 0, p50Ms: 100, p95Ms: 100, p99Ms: 100, maxMs: 100 },
    })
    const again = pool.take()
    expect(pool.stats()).toMatchObject({ utilization: 50, waits: { count: 2, p50Ms: 0, maxMs: 100 } })
    if (again !== undefined) pool.release(again)
    pool.resetStats()
    expect(pool.stats()).toMatchObject({ averageUtilization: 0, uses: 0, waits: { count: 0, maxMs: 0 } })
  })

  test('the times of the last 2048 waits are given by nearest rank, the counts are of all', () => {
    const waits = new Waits()
    expect(waits.stats()).toEqual({ count: 0, timedOut: 0, refused: 0, p50Ms: 0, p95Ms: 0, p99Ms: 0, maxMs: 0 })
    for (let n = 200; n >= 1; n--) waits.add(n)
    expect(waits.stats()).toMatchObject({ count: 200, p50Ms: 100, p95Ms: 190, p99Ms: 198, maxMs: 200 })
    for (let n = 0; n < 2_047; n++) waits.add(7)
    expect(waits.stats()).toMatchObject({ count: 2_247, p50Ms: 7, p99Ms: 7, maxMs: 7 })
    waits.addTimedOut(9)
    waits.addRefused()
    expect(waits.stats()).toMatchObject({ count: 2_247, timedOut: 1, refused: 1, p99Ms: 7, maxMs: 9 })
  })
})
