// What breaks: servers that are not there, connections that end, preparations that refuse.

import pg from 'pg'
import { describe, expect, test } from 'vitest'
import { sql } from '../../../src/sql/sql.ts'
import { describeOnEachVersion, useDatabase } from '../../support/postgres.ts'
import { fakeClock } from '../../support/fake-clock.ts'
import { waitUntil } from '../../support/wait.ts'
import { acquire, failure, deadUrl, gate, openPool, pidOf } from './node-pool-support.ts'

describe('a server that cannot be reached', () => {
  const database = useDatabase(18)

  test('fails whoever waits with the error of the driver itself, all of them at once', async () => {
    const { pool } = openPool(await deadUrl(), { max: 2 })
    const outcomes = await Promise.allSettled(Array.from({ length: 20 }, () => acquire(pool)))
    for (const outcome of outcomes) {
      expect(outcome).toMatchObject({ status: 'rejected', reason: { code: 'ECONNREFUSED' } })
    }
    expect(pool).toMatchObject({ waiting: 0, total: 0 })
    // Two attempts, not twenty.
    expect(pool.stats().connectFailures).toBe(2)
    await expect(acquire(pool)).rejects.toMatchObject({ code: 'ECONNREFUSED' })
  })

  test('fails them with the SQLSTATE of the server', async () => {
    const url = Object.assign(new URL(database().url), { pathname: '/there_is_no_such_database' }).href
    const { pool } = openPool(url)
    await expect(acquire(pool)).rejects.toMatchObject({ code: '3D000' })
  })

  test('while connections are in use fails one waiter per attempt, with growing waits in between', async () => {
    const clock = fakeClock()
    const dead = await deadUrl()
    let made = 0
    const { pool } = openPool(database().url, {
      max: 2,
      clock,
      random: () => 0.5,
      connect: () => new pg.Client({ connectionString: made++ === 0 ? database().url : dead }),
    })
    const held = await acquire(pool)
    const waiting = Array.from({ length: 4 }, () => acquire(pool))
    const outcomes = Promise.allSettled(waiting)
    await expect(waiting[0]).rejects.toMatchObject({ code: 'ECONNREFUSED' })
    const placeIsFree = (failures: number): Promise<unknown> =>
      waitUntil(() => pool.stats().destroyed === failures, { what: 'the place to be free' })
    await placeIsFree(1)
    expect(made).toBe(2)
    clock.advance(49)
    expect(made).toBe(2)
    clock.advance(1)
    expect(made).toBe(3)
    await expect(waiting[1]).rejects.toMatchObject({ code: 'ECONNREFUSED' })
    await placeIsFree(2)
    clock.advance(99)
    expect(made).toBe(3)
    clock.advance(1)
    expect(made).toBe(4)
    await expect(waiting[2]).rejects.toMatchObject({ code: 'ECONNREFUSED' })
    // What comes free serves the rest.
    pool.release(held)
    expect(await waiting[3]).toBe(held)
    pool.release(held)
    await outcomes
  })

  test('an attempt that fails takes nobody with it while others are under way for all', async () => {
    const ready = gate()
    let made = 0
    const { pool } = openPool(database().url, {
      max: 3,
      prepare: async () => {
        if (made++ === 0) return
        await ready.opened
        if (made++ === 3) throw new Error('not this one')
      },
    })
    const held = await acquire(pool)
    const first = acquire(pool)
    const second = acquire(pool)
    await waitUntil(() => made === 3, { what: 'two connections to be prepared' })
    pool.release(held)
    expect(await first).toBe(held)
    ready.open()
    // One attempt fails, the other serves the one who still waits.
    expect(await second).not.toBe(held)
    expect(pool.stats()).toMatchObject({ connects: 2, connectFailures: 1 })
  })

  test('a port that is none fails as any other', async () => {
    // With a clock that stands still, nothing here may have to be given up after a while.
    const { pool } = openPool('postgres://nobody@127.0.0.1/nothing', {
      clock: fakeClock(),
      connect: () => new pg.Client({ host: '127.0.0.1', port: 99_999 }),
    })
    const outcomes = await Promise.allSettled([acquire(pool), acquire(pool), acquire(pool)])
    for (const outcome of outcomes) expect(outcome).toMatchObject({ reason: { code: 'ERR_SOCKET_BAD_PORT' } })
    await expect(acquire(pool)).rejects.toMatchObject({ code: 'ERR_SOCKET_BAD_PORT' })
    await pool.end()
  })

  test('so does a client that cannot even be made', async () => {
    const { pool } = openPool('', {
      connect: () => {
        throw new TypeError('no such option')
      },
    })
    const outcomes = await Promise.allSettled([acquire(pool), acquire(pool), acquire(pool)])
    for (const outcome of outcomes) expect(outcome).toMatchObject({ reason: { message: 'no such option' } })
    expect(pool).toMatchObject({ waiting: 0, total: 0 })
    await pool.end()
  })
})

describeOnEachVersion('connections that break', (_version, database) => {
  const kill = async (pid: number): Promise<void> => {
    await database().db.query(sql`select pg_terminate_backend(${pid}::int4, 10000)`)
  }

  test('idle ones are out of the pool and told of, and the next one is a new one', async () => {
    const { pool, told } = openPool(database().url, { max: 2 })
    const [first, second] = await Promise.all([acquire(pool), acquire(pool)])
    pool.release(first)
    pool.release(second)
    await kill(pidOf(first))
    await waitUntil(() => told.errors.length > 0, { what: 'the break to be told' })
    expect(told.errors).toMatchObject([{ code: '57P01' }])
    expect(pool).toMatchObject({ idle: 1, total: 1 })
    expect(pool.take()).toBe(second)
    expect(pool.take()).toBeUndefined()
    await waitUntil(() => told.removed.length > 0, { what: 'it to be closed' })
    expect(told.removed).toEqual([first])
    expect(told.errors).toHaveLength(1)
  })

  test('the one in use fails its statement with the error of the server, and is closed when it is given back', async () => {
    const { pool, told } = openPool(database().url, { max: 1 })
    const client = await acquire(pool)
    const next = acquire(pool)
    const failed = new Promise<unknown>((resolve) => {
      client.query('select pg_sleep(3600)', [], (error: unknown) => {
        // The socket is not closed yet, and whoever gives it back says nothing of the error.
        pool.release(client)
        resolve(error)
      })
    })
    await kill(pidOf(client))
    expect(await failed).toMatchObject({ code: '57P01' })
    const other = await next
    expect(other).not.toBe(client)
    expect((await other.query('select 1 as n')).rows).toEqual([{ n: 1 }])
    expect(told.removed).toEqual([client])
    // It was in somebody's hands: they know.
    expect(told.errors).toEqual([])
  })

  test('the one that broke while it was held, without a statement, is not given out again', async () => {
    const { pool } = openPool(database().url, { max: 1 })
    const client = await acquire(pool)
    const broken = new Promise<void>((resolve) => client.once('error', () => resolve()))
    await kill(pidOf(client))
    await broken
    pool.release(client)
    expect(await acquire(pool)).not.toBe(client)
  })

  test('the one that breaks while it is prepared fails whoever waits', async () => {
    const [started, broken, ready] = [gate(), gate(), gate()]
    let pid = 0
    const { pool, told } = openPool(database().url, {
      max: 1,
      prepare: async (client) => {
        pid = pidOf(client)
        client.once('error', broken.open)
        started.open()
        await ready.opened
      },
    })
    const failed = failure(acquire(pool))
    await started.opened
    await kill(pid)
    await broken.opened
    // The preparation itself has nothing to complain of.
    ready.open()
    expect(await failed).toMatchObject({ code: '57P01' })
    expect(told).toMatchObject({ connected: [], errors: [] })
    expect(pool).toMatchObject({ total: 0, waiting: 0 })
  })

  test('the one that somebody ended is not given out again', async () => {
    const { pool } = openPool(database().url, { max: 1 })
    const client = await acquire(pool)
    await client.end()
    pool.release(client)
    const next = await acquire(pool)
    expect(next).not.toBe(client)
    const ending = next.end()
    pool.release(next)
    await ending
    expect(await acquire(pool)).not.toBe(next)
  })

  test('the one that is given back with an error is closed, and not with false', async () => {
    const { pool, told } = openPool(database().url, { max: 1 })
    const client = await acquire(pool)
    pool.release(client, false)
    expect(pool.take()).toBe(client)
    pool.release(client, new Error('I do not trust it'))
    expect(pool).toMatchObject({ inUse: 0, idle: 0, total: 0 })
    await waitUntil(() => told.removed.length === 1, { what: 'it to be closed' })
  })
})

describe('a preparation that refuses', () => {
  const database = useDatabase(18)

  test('fails whoever waits with its error, and the connection is closed and never told of', async () => {
    let calls = 0
    const { pool, told } = openPool(database().url, {
      max: 1,
      prepare: async (client) => {
        const { rows } = await client.query<{ recovering: boolean }>('select pg_is_in_recovery() as recovering')
        expect(rows).toEqual([{ recovering: false }])
        if (calls++ === 0) throw new Error('not a replica')
      },
    })
    await expect(acquire(pool)).rejects.toThrow('not a replica')
    expect(told.connected).toEqual([])
    const client = await acquire(pool)
    expect(told.connected).toEqual([client])
    await waitUntil(() => pool.stats().destroyed === 1, { what: 'the refused one to be closed' })
    expect(told.removed).toEqual([])
  })
})
