// Who gets which connection, and when.

import { describe, expect, test } from 'vitest'
import { poolState } from '../../../src/db/pool/connections/node-pool.ts'
import { sql } from '../../../src/sql/sql.ts'
import { useDatabase, versions } from '../../support/postgres.ts'
import { waitUntil } from '../../support/wait.ts'
import { acquire, failure, gate, openPool, pidOf } from './node-pool-support.ts'

describe.each(versions)('the pool of one server on PostgreSQL %d', (version) => {
  const database = useDatabase(version)

  test('makes a connection when none is idle, and gives the one used last again', async () => {
    const { pool, told } = openPool(database().url, { max: 3 })
    expect(pool.take()).toBeUndefined()
    expect(pool.total).toBe(0)
    const first = await acquire(pool)
    const second = await acquire(pool)
    expect(pool).toMatchObject({ inUse: 2, idle: 0, total: 2, waiting: 0, outstanding: 2 })
    expect((await first.query('select 1 as n')).rows).toEqual([{ n: 1 }])
    pool.release(first)
    pool.release(second)
    expect(pool).toMatchObject({ inUse: 0, idle: 2, total: 2 })
    expect(pool.take()).toBe(second)
    expect(await acquire(pool)).toBe(first)
    expect(told.connected).toEqual([first, second])
    expect(told.removed).toEqual([])
  })

  test('serves those who wait in the order they came, and nobody overtakes them', async () => {
    const { pool } = openPool(database().url, { max: 1 })
    const held = await acquire(pool)
    const served: number[] = []
    const all = Array.from({ length: 50 }, async (_, n) => {
      const client = await acquire(pool)
      served.push(n)
      await client.query('select 1')
      // Just given back, and others wait: neither of the two gets ahead of them.
      pool.release(client)
      if (n < 49) expect(pool.take()).toBeUndefined()
    })
    expect(pool.waiting).toBe(50)
    pool.release(held)
    await Promise.all(all)
    expect(served).toEqual(Array.from({ length: 50 }, (_, n) => n))
    expect(pool.stats()).toMatchObject({ connects: 1, uses: 51, active: 0, idle: 1 })
  })

  test('a connection given back goes to who has waited longest; the one that was being made goes to the next', async () => {
    const ready = gate()
    let made = 0
    const { pool } = openPool(database().url, {
      max: 3,
      prepare: () => (made++ === 0 ? Promise.resolve() : ready.opened),
    })
    const held = await acquire(pool)
    const order: string[] = []
    const first = acquire(pool).then((client) => {
      order.push('first')
      return client
    })
    const second = acquire(pool).then((client) => {
      order.push('second')
      return client
    })
    await waitUntil(() => made === 3, { what: 'two connections to be prepared' })
    pool.release(held)
    expect(await first).toBe(held)
    expect(order).toEqual(['first'])
    ready.open()
    expect(await second).not.toBe(held)
    // Nobody waits for the other one any more.
    await waitUntil(() => pool.idle === 1, { what: 'the surplus connection to be idle' })
    expect(pool.total).toBe(3)
  })

  test('a callback never comes before acquire has returned, and may use the pool', async () => {
    const { pool } = openPool(database().url, { max: 1 })
    pool.release(await acquire(pool))
    const order: string[] = []
    const done = new Promise<void>((resolve) => {
      pool.acquire((_error, client) => {
        order.push('called')
        if (client !== undefined) pool.release(client)
        pool.acquire((error, again) => {
          order.push('called again')
          expect(error).toBeUndefined()
          if (again !== undefined) pool.release(again)
          resolve()
        })
        order.push('returned again')
      })
    })
    order.push('returned')
    await done
    expect(order).toEqual(['returned', 'called', 'returned again', 'called again'])
  })

  test('what a waiter gives back at once goes to the next who waits, not to who asks just then', async () => {
    const { pool } = openPool(database().url, { max: 1 })
    const held = await acquire(pool)
    const order: string[] = []
    pool.acquire((_error, client) => {
      order.push('first')
      if (client !== undefined) pool.release(client)
      order.push(pool.take() === undefined ? 'nothing to take' : 'overtaken')
    })
    const second = acquire(pool)
    pool.release(held)
    pool.release(await second)
    expect(order).toEqual(['first', 'nothing to take'])
  })

  test('ten thousand waiters who give back at once are served without a deep stack', async () => {
    const { pool } = openPool(database().url, { max: 1, maxWaiting: 20_000 })
    const held = await acquire(pool)
    let served = 0
    for (let n = 0; n < 10_000; n++) {
      pool.acquire((_error, client) => {
        served++
        if (client !== undefined) pool.release(client)
      })
    }
    pool.release(held)
    expect(served).toBe(10_000)
    expect(pool).toMatchObject({ inUse: 0, idle: 1, waiting: 0 })
  })

  test('the server never sees more than max, however connections are thrown away', async () => {
    // The server itself refuses the fourth: its count goes down before the end of a connection is seen here.
    const role = `limited_${version}_${database().name}`
    await database().db.query(sql`create role ${sql.ident(role)} login connection limit 3`)
    try {
      const url = Object.assign(new URL(database().url), { username: role }).href
      const { pool } = openPool(url, { max: 3 })
      const work = Array.from({ length: 120 }, async (_, n) => {
        const client = await acquire(pool)
        expect(pool.total).toBeLessThanOrEqual(3)
        await client.query('select 1')
        pool.release(client, n % 2 === 0)
      })
      await Promise.all(work)
      expect(pool.stats().connects).toBeGreaterThan(30)
      expect(pool.stats().connectFailures).toBe(0)
      await pool.end()
    } finally {
      await database().db.query(sql`drop role ${sql.ident(role)}`)
    }
  })

  test('a connection given back twice is refused, also when somebody else has it by then', async () => {
    const { pool } = openPool(database().url, { max: 1 })
    const client = await acquire(pool)
    const { checkout } = client[poolState]
    pool.release(client, false, checkout)
    expect(() => pool.release(client)).toThrow(expect.objectContaining({ code: 'POOL_RELEASED_TWICE' }))
    expect(pool).toMatchObject({ inUse: 0, idle: 1 })
    const again = pool.take()
    expect(again).toBe(client)
    expect(() => pool.release(client, false, checkout)).toThrow(
      expect.objectContaining({ code: 'POOL_RELEASED_TWICE' }),
    )
    expect(pool).toMatchObject({ inUse: 1, idle: 0 })
  })

  test('a connection that still runs a statement, or has one queued, is closed when it is given back', async () => {
    const { pool, told } = openPool(database().url, { max: 1 })
    const busy = await acquire(pool)
    const running = busy.query('select pg_sleep(3600)')
    const failed = failure(running)
    pool.release(busy)
    expect(await failed).toMatchObject({ message: expect.stringContaining('Connection terminated') })
    const next = await acquire(pool)
    expect(next).not.toBe(busy)
    expect(told.removed).toEqual([busy])
    // Its server may not have noticed; it must not sleep on after the test.
    await database().db.query(sql`select pg_terminate_backend(${pidOf(busy)}::int4)`)
  })

  test('a connection is kept after a statement failed, even before the server says it is ready', async () => {
    const { pool, told } = openPool(database().url, { max: 1 })
    const client = await acquire(pool)
    // In the callback of the error the server has not said yet that it is ready.
    const next = new Promise<unknown>((resolve, reject) => {
      client.query('select 1/0', [], (error: Error | null) => {
        expect(error?.message).toBe('division by zero')
        pool.acquire((failure, again) => {
          if (again === undefined) return reject(failure ?? new Error('no client'))
          expect(again).toBe(client)
          again.query('select 7 as n', [], (late: Error | null, result) => {
            if (late === null) resolve(result.rows)
            else reject(late)
          })
        })
        pool.release(client)
      })
    })
    expect(await next).toEqual([{ n: 7 }])
    expect(told.removed).toEqual([])
  })
})
