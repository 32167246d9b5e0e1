// How long connections live: kept up to min, closed when surplus, worn out, too old, or of a server that has changed.

import pg from 'pg'
import { describe, expect, test } from 'vitest'
import { sql } from '../../../src/sql/sql.ts'
import { useDatabase } from '../../support/postgres.ts'
import { fakeClock } from '../../support/fake-clock.ts'
import { waitUntil } from '../../support/wait.ts'
import { acquire, deadUrl, gate, openPool, pidOf } from './node-pool-support.ts'

describe('the life of connections', () => {
  const database = useDatabase(18)
  const kill = async (pid: number): Promise<void> => {
    await database().db.query(sql`select pg_terminate_backend(${pid}::int4, 10000)`)
  }

  test('min are made when asked for, not before, and kept up when they break', async () => {
    const { pool, told } = openPool(database().url, { max: 4, min: 3 })
    expect(pool.total).toBe(0)
    await pool.warm()
    expect(pool).toMatchObject({ idle: 3, total: 3 })
    await pool.warm()
    const client = pool.take()
    if (client === undefined) throw new Error('none is idle')
    pool.release(client)
    await kill(pidOf(client))
    await waitUntil(() => told.errors.length === 1 && pool.idle === 3, { what: 'another to take its place' })
    expect(told.connected).toHaveLength(4)
  })

  test('min that cannot be made is an error that harms nothing, and is made up for later', async () => {
    const clock = fakeClock()
    const dead = await deadUrl()
    let isDead = true
    const { pool } = openPool(database().url, {
      max: 2,
      min: 2,
      clock,
      connect: () => new pg.Client({ connectionString: isDead ? dead : database().url }),
    })
    await expect(pool.warm()).rejects.toMatchObject({ code: 'ECONNREFUSED' })
    await waitUntil(() => pool.stats().destroyed === 2, { what: 'both attempts to be over' })
    expect(pool.stats().connectFailures).toBe(2)
    isDead = false
    // Somebody who comes does not wait for the next attempt to be due.
    const client = await acquire(pool)
    pool.release(client)
    await waitUntil(() => pool.idle === 2, { what: 'min to be there' })
    expect(pool.stats().connectFailures).toBe(2)
  })

  test('a dead server is tried for min ever more seldom, while nobody waits', async () => {
    const clock = fakeClock()
    const dead = await deadUrl()
    const { pool } = openPool(dead, { max: 1, min: 1, clock, random: () => 0.5 })
    await expect(pool.warm()).rejects.toMatchObject({ code: 'ECONNREFUSED' })
    const waits = [50, 100, 200, 400, 800, 1_600, 2_000, 2_000]
    for (const [failed, waitMs] of waits.entries()) {
      await waitUntil(() => pool.stats().destroyed === failed + 1, { what: 'the attempt to be over' })
      clock.advance(waitMs - 1)
      expect(pool.total).toBe(0)
      clock.advance(1)
      expect(pool.total).toBe(1)
    }
  })

  test('attempts that fail together count as one failure, and a success makes good for all', async () => {
    const clock = fakeClock()
    const dead = await deadUrl()
    let isDead = true
    const { pool } = openPool(database().url, {
      max: 2,
      min: 2,
      clock,
      random: () => 0.5,
      connect: () => new pg.Client({ connectionString: isDead ? dead : database().url }),
    })
    const tried = (count: number): Promise<unknown> =>
      waitUntil(() => pool.stats().destroyed === count, { what: 'the attempts to be over' })
    const isTriedAfter = (waitMs: number): void => {
      clock.advance(waitMs - 1)
      expect(pool.total - pool.idle).toBe(0)
      clock.advance(1)
      expect(pool.total - pool.idle).toBe(2 - pool.idle)
    }
    await expect(pool.warm()).rejects.toMatchObject({ code: 'ECONNREFUSED' })
    await tried(2)
    isTriedAfter(50)
    await tried(4)
    isTriedAfter(100)
    await tried(6)
    isDead = false
    isTriedAfter(200)
    await waitUntil(() => pool.idle === 2, { what: 'min to be there' })
    isDead = true
    const client = pool.take()
    if (client !== undefined) pool.release(client, true)
    // One closed, and one attempt to replace it.
    await tried(8)
    isTriedAfter(50)
  })

  test('of several whose time is up at once as many stay as min', async () => {
    const clock = fakeClock()
    const { pool } = openPool(database().url, { max: 4, min: 2, clock, idleTimeoutMs: 10_000 })
    const clients = await Promise.all([acquire(pool), acquire(pool), acquire(pool), acquire(pool)])
    for (const client of clients) pool.release(client)
    await pool.warm()
    clock.advance(60_000)
    expect(pool).toMatchObject({ idle: 2, total: 2 })
    expect(pool.stats().connects).toBe(4)
  })

  test('surplus idle ones are closed when their time is up, down to min, the one used last being the last', async () => {
    const clock = fakeClock()
    const { pool, told } = openPool(database().url, { max: 4, min: 1, clock, idleTimeoutMs: 10_000 })
    const clients = await Promise.all([acquire(pool), acquire(pool), acquire(pool), acquire(pool)])
    for (const client of clients) {
      pool.release(client)
      clock.advance(1_000)
    }
    clock.advance(5_999)
    expect(pool.idle).toBe(4)
    clock.advance(1)
    expect(pool.idle).toBe(3)
    const used = pool.take()
    expect(used).toBe(clients[3])
    clock.advance(60_000)
    expect(pool).toMatchObject({ idle: 0, inUse: 1 })
    if (used !== undefined) pool.release(used)
    clock.advance(60_000)
    expect(pool).toMatchObject({ idle: 1, total: 1 })
    await waitUntil(() => told.removed.length === 3, { what: 'three to be closed' })
    expect(new Set(told.removed)).toEqual(new Set(clients.slice(0, 3)))
  })

  test('connections that are used all the time are not closed as idle, nor is a timer set for each use', async () => {
    const clock = fakeClock()
    let timers = 0
    const counting = {
      ...clock,
      after: (delayMs: number, callback: () => void) => {
        timers++
        return clock.after(delayMs, callback)
      },
    }
    const { pool } = openPool(database().url, { max: 2, clock: counting, idleTimeoutMs: 10_000 })
    pool.release(await acquire(pool))
    for (let n = 0; n < 1_000; n++) {
      const client = pool.take()
      if (client === undefined) throw new Error('it was closed')
      pool.release(client)
      clock.advance(50)
    }
    expect(pool.stats()).toMatchObject({ connects: 1, uses: 1_001 })
    // One look at the oldest every ten seconds, of fifty.
    expect(timers).toBeLessThanOrEqual(7)
  })

  test('a connection is closed after so many uses', async () => {
    const { pool, told } = openPool(database().url, { max: 1, maxUses: 3 })
    const seen = []
    for (let n = 0; n < 7; n++) {
      const client = await acquire(pool)
      seen.push(client)
      pool.release(client)
    }
    expect(new Set(seen).size).toBe(3)
    expect(seen[2]).toBe(seen[0])
    expect(seen[3]).not.toBe(seen[0])
    expect(told.removed).toHaveLength(2)
  })

  test('a connection is closed when its lifetime is over, at once if idle, else when it comes back, and min is kept', async () => {
    const clock = fakeClock()
    const { pool, told } = openPool(database().url, {
      max: 2,
      min: 2,
      clock,
      maxLifetimeMs: 3_600_000,
      random: () => 0.5,
    })
    await pool.warm()
    const held = pool.take()
    clock.advance(3_600_000 * 0.95 - 1)
    expect(pool).toMatchObject({ inUse: 1, idle: 1 })
    clock.advance(1)
    expect(pool).toMatchObject({ inUse: 1, idle: 0 })
    await waitUntil(() => pool.idle === 1, { what: 'another to take its place' })
    if (held !== undefined) pool.release(held)
    expect(pool).toMatchObject({ inUse: 0, idle: 1 })
    await waitUntil(() => pool.idle === 2, { what: 'min to be there' })
    await waitUntil(() => told.removed.length === 2, { what: 'both to be closed' })
    expect(told.removed).toContain(held)
    expect(told.errors).toEqual([])
  })

  test('lifetimes differ, so that connections made together do not end together', async () => {
    const clock = fakeClock()
    const { pool } = openPool(database().url, { max: 8, clock, maxLifetimeMs: 1_000_000 })
    const clients = await Promise.all(Array.from({ length: 8 }, () => acquire(pool)))
    for (const client of clients) pool.release(client)
    clock.advance(899_999)
    const left = [pool.idle]
    for (let n = 0; n < 10; n++) {
      clock.advance(10_000)
      left.push(pool.idle)
    }
    expect(left[0]).toBe(8)
    expect(pool.idle).toBe(0)
    expect(new Set(left).size).toBeGreaterThan(3)
  })

  test('after a renewal nothing made before is given out again, nor what was being made', async () => {
    const ready = gate()
    let made = 0
    const { pool, told } = openPool(database().url, {
      max: 3,
      prepare: () => (++made === 3 ? ready.opened : Promise.resolve()),
    })
    const [idle, held] = await Promise.all([acquire(pool), acquire(pool)])
    const coming = acquire(pool)
    await waitUntil(() => made === 3, { what: 'the third to be prepared' })
    pool.release(idle)
    expect(await coming).toBe(idle)
    pool.release(idle)
    pool.renew()
    expect(pool).toMatchObject({ idle: 0, inUse: 1 })
    ready.open()
    pool.release(held)
    await waitUntil(() => pool.stats().destroyed === 3, { what: 'all three to be closed' })
    expect(pool.total).toBe(0)
    const next = await acquire(pool)
    expect([idle, held]).not.toContain(next)
    // The third was never told of, so neither is its end.
    expect(told.connected).toEqual([idle, held, next])
    expect(new Set(told.removed)).toEqual(new Set([idle, held]))
  })

  test('a renewal while somebody waits for a connection makes them another', async () => {
    const ready = gate()
    let made = 0
    const { pool } = openPool(database().url, {
      max: 1,
      prepare: () => (++made === 1 ? ready.opened : Promise.resolve()),
    })
    const coming = acquire(pool)
    await waitUntil(() => made === 1, { what: 'it to be prepared' })
    pool.renew()
    ready.open()
    await coming
    expect(made).toBe(2)
    expect(pool.stats()).toMatchObject({ connects: 1, connectFailures: 0, destroyed: 1 })
  })
})
