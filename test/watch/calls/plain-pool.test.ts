// Observing the clients of a plain pg.Pool takes nothing from the application: neither its promises nor its callbacks, neither
// clients that were there before nor those that come; and it can be undone.

import Cursor from 'pg-cursor'
import pg from 'pg'
import { expect, onTestFinished, test } from 'vitest'
import { systemClock } from '../../../src/base/clock.ts'
import { observePool } from '../../../src/db/observe-pool.ts'
import { StrataPool } from '../../../src/db/pool/strata-pool.ts'
import { useDatabase } from '../../support/postgres.ts'

const database = useDatabase(18)

interface Observed {
  readonly told: string[]
  readonly stop: () => void
}

function openPool(): pg.Pool {
  const pool = new pg.Pool({ connectionString: database().url, max: 2 })
  onTestFinished(() => pool.end())
  return pool
}

function observe(pool: pg.Pool): Observed {
  const told: string[] = []
  const stop = observePool(
    pool,
    {
      needsContext: false,
      begin: () => undefined,
      end: (text, sinceMs, nowMs, error) => {
        expect(nowMs).toBeGreaterThanOrEqual(sinceMs)
        told.push(error === null ? text : `${text}!`)
      },
    },
    systemClock,
  )
  return { told, stop }
}

test('clients that were there before are observed, one in use, too', async () => {
  const pool = openPool()
  const client = await pool.connect()
  await pool.query('select 1 as idle')
  const { told } = observe(pool)
  await client.query('select 2')
  client.release()
  await pool.query('select 3')
  await Promise.all([pool.query('select 4'), pool.query('select 5')])
  expect(told.toSorted()).toEqual(['select 2', 'select 3', 'select 4', 'select 5'])
})

test('afterwards every client is as it was', async () => {
  const pool = openPool()
  const before = await pool.connect()
  const { told, stop } = observe(pool)
  expect(Object.hasOwn(before, 'query')).toBe(true)
  const during = await pool.connect()
  stop()
  expect([before, during].map((client) => Object.hasOwn(client, 'query'))).toEqual([false, false])
  await before.query('select 1')
  for (const client of [before, during]) client.release()
  await pool.query('select 2')
  expect(told).toEqual([])
  expect(pool.listenerCount('acquire') + pool.listenerCount('connect') + pool.listenerCount('remove')).toBe(0)
})

test('what somebody else wrapped around it stays, and nothing more is told of', async () => {
  const pool = openPool()
  const { told, stop } = observe(pool)
  const client = (await pool.connect()) as unknown as {
    query: (...args: unknown[]) => Promise<unknown>
    release(): void
  }
  const inner = client.query
  let calls = 0
  client.query = function (...args) {
    calls++
    return inner.apply(this, args)
  }
  await client.query('select 1')
  stop()
  await client.query('select 2')
  expect({ calls, told }).toEqual({ calls: 2, told: ['select 1'] })
  client.release()
})

test('answers, callbacks and errors are those of pg', async () => {
  const pool = openPool()
  const { told } = observe(pool)
  const client = await pool.connect()
  const config = Object.freeze({ text: 'select $1::int as n', values: [4] })
  expect((await client.query(config)).rows).toEqual([{ n: 4 }])
  expect((await client.query(config)).rows).toEqual([{ n: 4 }])
  const answers: unknown[] = []
  await new Promise<void>((resolve) => {
    client.query('select 1 / 0', (error: Error, result: pg.QueryResult | undefined) => {
      answers.push((error as { code?: string }).code, result)
      resolve()
    })
  })
  expect(answers).toEqual(['22012', undefined])
  await expect(client.query('select 1 / 0')).rejects.toMatchObject({ code: '22012' })
  expect(() => client.query(null as unknown as string)).toThrow(TypeError)
  client.release()
  expect(told).toEqual(['select $1::int as n', 'select $1::int as n', 'select 1 / 0!', 'select 1 / 0!'])
})

test('a rejection that nobody handles is still reported', async () => {
  const pool = openPool()
  observe(pool)
  const client = await pool.connect()
  const listeners = process.listeners('unhandledRejection')
  process.removeAllListeners('unhandledRejection')
  const reported = new Promise<unknown>((resolve) => void process.once('unhandledRejection', resolve))
  void client.query('select no_such_column')
  expect(await reported).toMatchObject({ code: '42703' })
  for (const listener of listeners) process.on('unhandledRejection', listener)
  client.release()
})

test('a cursor ends when it is closed, or when its connection goes', async () => {
  const pool = openPool()
  const { told } = observe(pool)
  pool.on('error', () => undefined)
  const client = await pool.connect()
  client.on('error', () => undefined)
  const cursor = client.query(new Cursor('select * from generate_series(1, 100)'))
  await cursor.read(1)
  expect(told).toEqual([])
  await cursor.close()
  expect(told).toEqual(['select * from generate_series(1, 100)'])
  const lost = client.query(new Cursor('select pg_terminate_backend(pg_backend_pid())'))
  await expect(lost.read(1)).rejects.toMatchObject({ code: '57P01' })
  client.release(true)
  expect(told).toEqual(['select * from generate_series(1, 100)', 'select pg_terminate_backend(pg_backend_pid())!'])
})

test.each(['a plain pg.Pool', 'a StrataPool'])(
  'an observer of %s that throws is the affair of the process',
  async (kind) => {
    const url = database().url
    const pool = kind === 'a StrataPool' ? new StrataPool({ connectionString: url }) : openPool()
    if (kind === 'a StrataPool') onTestFinished(() => pool.end())
    const listeners = process.listeners('uncaughtException')
    process.removeAllListeners('uncaughtException')
    const thrown = new Promise<unknown>((resolve) => void process.once('uncaughtException', resolve))
    const stop = observePool(
      pool,
      {
        needsContext: false,
        begin: () => undefined,
        end: () => {
          throw new Error('of the observer')
        },
      },
      systemClock,
    )
    expect((await pool.query('select 1 as n')).rows).toEqual([{ n: 1 }])
    expect(await thrown).toEqual(new Error('of the observer'))
    for (const listener of listeners) process.on('uncaughtException', listener)
    stop()
    expect((await pool.query('select 2 as n')).rows).toEqual([{ n: 2 }])
  },
)
