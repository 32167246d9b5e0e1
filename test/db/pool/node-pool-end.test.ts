// The end of a pool, whatever it is doing at the time; and processes that may end with it open.

import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { describe, expect, test } from 'vitest'
import { onlyRow } from '../../../src/db/db.ts'
import { sql } from '../../../src/sql/sql.ts'
import { useDatabase } from '../../support/postgres.ts'
import { fakeClock } from '../../support/fake-clock.ts'
import { waitUntil } from '../../support/wait.ts'
import { typescript } from '../../support/typescript.ts'
import { acquire, failure, gate, openPool, pidOf, startSilentServer } from './node-pool-support.ts'

describe('the end of a pool', () => {
  const database = useDatabase(18)
  const connections = async (): Promise<number> =>
    onlyRow(
      await database().db.query<{ count: number }>(sql`
        select count(*)::int as count from pg_stat_activity
        where datname = current_database() and pid <> pg_backend_pid()`),
    ).count

  test('that was never used is there at once, and is the same each time', async () => {
    const { pool } = openPool(database().url)
    const ended = pool.end()
    expect(pool.end()).toBe(ended)
    await ended
    await expect(acquire(pool)).rejects.toMatchObject({ code: 'POOL_CLOSED' })
    await expect(pool.warm()).rejects.toMatchObject({ code: 'POOL_CLOSED' })
    expect(pool.take()).toBeUndefined()
  })

  test('closes what is idle, and the server has seen it', async () => {
    const { pool, told } = openPool(database().url, { max: 3, min: 3 })
    const before = await connections()
    await pool.warm()
    expect(await connections()).toBe(before + 3)
    await pool.end()
    expect(await connections()).toBe(before)
    expect(told.removed).toHaveLength(3)
    expect(pool.total).toBe(0)
  })

  test('waits for what is in use and serves those who wait already, but nobody new', async () => {
    const { pool } = openPool(database().url, { max: 1 })
    const held = await acquire(pool)
    const waiting = [acquire(pool), acquire(pool)]
    let isOver = false
    const ended = pool.end().then(() => (isOver = true))
    await expect(acquire(pool)).rejects.toMatchObject({ code: 'POOL_CLOSED' })
    pool.release(held)
    for (const next of waiting) {
      const client = await next
      expect((await client.query('select 1 as n')).rows).toEqual([{ n: 1 }])
      expect(isOver).toBe(false)
      pool.release(client)
    }
    await ended
    expect(pool.total).toBe(0)
  })

  test('makes a connection for whoever waits, and keeps none', async () => {
    const { pool } = openPool(database().url, { max: 2, min: 2 })
    const coming = acquire(pool)
    const warming = failure(pool.warm())
    const ended = pool.end()
    expect(await warming).toMatchObject({ code: 'POOL_CLOSED' })
    pool.release(await coming)
    await ended
    expect(pool.stats()).toMatchObject({ total: 0, connects: 1 })
  })

  test('does not wait for an attempt that nobody waits for', async () => {
    const { url, sockets } = await startSilentServer()
    const { pool } = openPool(url, { max: 1, min: 1 })
    const warming = failure(pool.warm())
    await waitUntil(() => sockets.size === 1, { what: 'the attempt to arrive' })
    await pool.end()
    expect(await warming).toMatchObject({ code: 'POOL_CLOSED' })
  })

  test('does not wait for a preparation that hangs', async () => {
    const { pool } = openPool(database().url, { max: 2, min: 1, prepare: () => gate().opened })
    const warming = failure(pool.warm())
    await waitUntil(() => pool.total === 1, { what: 'the attempt' })
    await pool.end()
    expect(await warming).toMatchObject({ code: 'POOL_CLOSED' })
  })

  test('after its bound cuts off what is in use, fails who waits, and the late release does nothing', async () => {
    const clock = fakeClock()
    const { pool, told } = openPool(database().url, { max: 1, clock })
    const held = await acquire(pool)
    const running = failure(held.query('select pg_sleep(3600)'))
    const waiting = failure(acquire(pool))
    let isOver = false
    const ended = pool.end(5_000).then(() => (isOver = true))
    clock.advance(4_999)
    expect(pool).toMatchObject({ inUse: 1, waiting: 1 })
    expect(isOver).toBe(false)
    clock.advance(1)
    expect(await running).toMatchObject({ message: 'Connection terminated' })
    expect(await waiting).toMatchObject({ code: 'POOL_CLOSED' })
    await ended
    expect(pool).toMatchObject({ inUse: 0, waiting: 0, total: 0 })
    expect(told.removed).toEqual([held])
    pool.release(held)
    expect(() => pool.release(held)).toThrow(expect.objectContaining({ code: 'POOL_RELEASED_TWICE' }))
    await database().db.query(sql`select pg_terminate_backend(${pidOf(held)}::int4)`)
  })

  test('leaves a server that does not answer its goodbye after a second', async () => {
    const clock = fakeClock()
    const { pool } = openPool(database().url, { max: 1, clock })
    const client = await acquire(pool)
    // The server is stopped in its tracks: it takes the goodbye and does nothing.
    process.kill(pidOf(client), 'SIGSTOP')
    try {
      pool.release(client)
      const ended = pool.end()
      clock.advance(999)
      expect(pool.stats().destroyed).toBe(0)
      clock.advance(100)
      await ended
      expect(pool.stats().destroyed).toBe(1)
    } finally {
      process.kill(pidOf(client), 'SIGCONT')
    }
  })

  const runProcess = async (...args: readonly string[]): Promise<string> => {
    const script = fileURLToPath(new URL('node-pool-exit.ts', import.meta.url))
    const command = ['--import', typescript, script, database().url, ...args]
    return (await promisify(execFile)(process.execPath, command, { timeout: 30_000 })).stdout
  }

  test('is not needed for a process to end whose connections are idle', async () => {
    expect(await runProcess()).toBe('used twice, 1 idle\n')
  })

  test('keeps a process alive until it is reached, also when idle connections do not', async () => {
    expect(await runProcess('end')).toBe('used twice, 1 idle\nended, 0 idle\n')
  })
})
