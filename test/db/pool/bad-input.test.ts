// What callers do wrong is answered with an error, once, and costs nobody else anything: no node goes down for it, no
// connection is lost, nothing is sent twice.

import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { startCluster, type EmbeddedCluster } from '../../../src/embedded/index.ts'
import { StrataPool } from '../../../src/db/pool/strata-pool.ts'
import { waitUntil } from '../../support/wait.ts'
import { errorOf, stateOf, untilReading } from './strata-pool-support.ts'

let cluster: EmbeddedCluster
const opened: StrataPool[] = []

beforeAll(async () => {
  cluster = await startCluster({ inMemory: true, replicas: 1 })
  const pool = openPool('one node')
  await pool.query('create table notes (id int4 primary key, body jsonb)')
})

afterEach(async () => {
  await Promise.all(opened.splice(0).map((pool) => pool.end()))
})

afterAll(async () => {
  await cluster.stop()
})

const shapes = ['one node', 'with a replica'] as const
type Shape = (typeof shapes)[number]

function openPool(shape: Shape, more: { readonly max?: number } = {}): StrataPool {
  const replicas = shape === 'one node' ? [] : cluster.replicas.map((each) => ({ connectionString: each.url() }))
  const pool = new StrataPool({ connectionString: cluster.primary.url(), max: 1, replicas, ...more })
  opened.push(pool)
  return pool
}

const unsendable = {
  toPostgres: () => {
    throw new Error('not today')
  },
}
const circular: { self?: unknown } = {}
circular.self = circular

const insert = 'insert into notes values (1, $1) on conflict (id) do update set body = excluded.body'
const select = 'select id from notes where body = $1'

describe.each(shapes)('%s', (shape) => {
  test.each([
    ['pool.query', false, insert],
    ['pool.query', false, select],
    ['client.query', false, insert],
    ['pool.query', true, insert],
    ['pool.query', true, select],
    ['client.query', true, insert],
    ['client.query', true, select],
  ] as const)('a value that cannot be sent fails %s once (in a session: %s): %s', async (how, inSession, text) => {
    const pool = openPool(shape)
    await untilReading(pool, 'select 1')
    const run = async (value: unknown): Promise<Error | undefined> => {
      if (how === 'pool.query') return await errorOf(() => pool.query(text, [value]))
      const client = await pool.connect()
      const error = await errorOf(() => client.query(text, [value]))
      client.release()
      return error
    }
    const work = async (): Promise<void> => {
      expect((await run(unsendable))?.message).toBe('not today')
      expect((await run(circular))?.message).toContain('circular')
      expect(await run('{}')).toBeUndefined()
      expect((await run(unsendable))?.message).toBe('not today')
    }
    await (inSession ? pool.scope(undefined, work) : work())
    // Nobody was answered with what is another's, and no connection was given back twice.
    const answers = await Promise.all([1, 2, 3].map((n) => pool.query('select $1::int4 as n', [n])))
    expect(answers.map(({ rows }) => rows)).toEqual([[{ n: 1 }], [{ n: 2 }], [{ n: 3 }]])
    expect(pool.stats().map(({ active }) => active)).toEqual(pool.stats().map(() => 0))
  })

  test('the callback of a value that cannot be sent is called once', async () => {
    const pool = openPool(shape)
    let calls = 0
    pool.query(insert, [unsendable], () => void calls++)
    await waitUntil(() => calls > 0, { what: 'the callback' })
    await pool.query('select 1')
    await pool.query('select 1')
    expect(calls).toBe(1)
  })

  test.each([false, true])(
    'too few parameters fail as in pg, and no node goes down (in a session: %s)',
    async (inSession) => {
      const pool = openPool(shape)
      await untilReading(pool, 'select 1')
      const work = async (): Promise<void> => {
        for (const text of ['select $1::int4, $2::int4', 'insert into notes values ($1, $2)']) {
          for (const values of [[1], [1, 2, 3]]) {
            const before = pool.stats().reduce((sum, { uses }) => sum + uses, 0)
            expect(await errorOf(() => pool.query(text, values))).toMatchObject({ code: '08P01' })
            // Sent once.
            expect(pool.stats().reduce((sum, { uses }) => sum + uses, 0)).toBe(before + 1)
            expect(pool.nodes().map(({ state }) => state)).toEqual(pool.nodes().map(() => 'up'))
          }
        }
      }
      await (inSession ? pool.scope(undefined, work) : work())
    },
  )

  test('an error of class 08 that a statement raises is its own, not that of the connection', async () => {
    const pool = openPool(shape)
    await pool.start()
    const raise = `do $$ begin raise exception 'far away' using errcode = '08006'; end $$`
    expect(await errorOf(() => pool.query(raise))).toMatchObject({ code: '08006' })
    expect(stateOf(pool, 'primary')).toBe('up')
    await pool.scope(undefined, async (session) => {
      await errorOf(() => pool.query(raise))
      expect(pool.explainRouting('select 1', { session }).reason).not.toContain('not known')
    })
  })

  test('values that are no array, no query at all, and a text that is none', async () => {
    const pool = openPool(shape)
    await untilReading(pool, 'select 1')
    const loose = pool as unknown as { query(...args: unknown[]): Promise<unknown> }
    for (const inSession of [false, true]) {
      const run = (...args: unknown[]): Promise<unknown> =>
        inSession ? pool.scope(undefined, () => loose.query(...args)) : loose.query(...args)
      expect((await errorOf(() => run('select $1::text', 'x')))?.message).toBe('Query values must be an array')
      expect(await errorOf(() => run(null))).toBeInstanceOf(TypeError)
      expect(await errorOf(() => run(undefined))).toBeInstanceOf(TypeError)
      expect(await errorOf(() => run({}))).toBeInstanceOf(Error)
      expect(await errorOf(() => run({ text: 5 }))).toBeInstanceOf(Error)
    }
    const client = await pool.connect()
    const looseClient = client as unknown as { query(...args: unknown[]): Promise<unknown> }
    expect(await errorOf(() => looseClient.query(null))).toBeInstanceOf(TypeError)
    expect((await errorOf(() => looseClient.query('select $1::text', 'x')))?.message).toBe(
      'Query values must be an array',
    )
    client.release()
    expect((await pool.query('select 1 as n')).rows).toEqual([{ n: 1 }])
  })

  test('a second release throws, a query after release is refused, and the next holder is not disturbed', async () => {
    const pool = openPool(shape, { max: 2 })
    await pool.start()
    const client = await pool.connect()
    client.release()
    expect(await errorOf(() => client.release())).toMatchObject({ code: 'POOL_RELEASED_TWICE' })
    expect(await errorOf(() => client.query('select 1'))).toMatchObject({ code: 'POOL_RELEASED_TWICE' })
    const next = await pool.connect()
    await next.query('begin')
    await next.query('commit')
    next.release()
  })

  test('a client released while it still runs keeps its connection to itself until the end', async () => {
    const pool = openPool(shape, { max: 3 })
    await pool.start()
    const first = await pool.connect()
    await first.query('begin')
    const slow = first.query('select pg_sleep(0.2)')
    first.release()
    const second = await pool.connect()
    await second.query('begin')
    const pid = (await second.query<{ pid: number }>('select pg_backend_pid() as pid')).rows[0]?.pid
    await slow
    const again = (await second.query<{ pid: number }>('select pg_backend_pid() as pid')).rows[0]?.pid
    expect(again).toBe(pid)
    expect(second.getTransactionStatus?.()).toBe('T')
    await second.query('commit')
    second.release()
    await waitUntil(() => pool.stats().every(({ active }) => active === 0), { what: 'every connection to come back' })
  })

  test('queries sent at once on one client run in order, and each gets its own answer', async () => {
    const pool = openPool(shape)
    await untilReading(pool, 'select 1')
    await pool.scope(undefined, async () => {
      const client = await pool.connect()
      const answers = await Promise.all([
        client.query('begin'),
        client.query(insert, [{}]),
        client.query('select count(*)::int4 as n from notes'),
        client.query('rollback'),
        client.query('select 2 as n'),
        errorOf(() => client.query('select nothing from nowhere')),
        client.query('select 3 as n'),
      ])
      client.release()
      expect((answers[2] as { rows: unknown }).rows).toEqual([{ n: 1 }])
      expect((answers[4] as { rows: unknown }).rows).toEqual([{ n: 2 }])
      expect(answers[5]).toMatchObject({ code: '42P01' })
      expect((answers[6] as { rows: unknown }).rows).toEqual([{ n: 3 }])
    })
  })

  test('several statements in one text answer as in pg, in a session too', async () => {
    const pool = openPool(shape)
    await untilReading(pool, 'select 1')
    const { rows, length } = (await pool.scope(undefined, () =>
      pool.query('select 1 as n; select 2 as n'),
    )) as unknown as {
      rows: unknown
      length: number
    }
    expect(rows).toBeUndefined()
    expect(length).toBe(2)
    const empty = await pool.scope(undefined, () => pool.query(''))
    expect(empty.rows).toEqual([])
  })
})

test('the end of the pool waits for who has a client, and refuses who comes', async () => {
  const pool = openPool('with a replica')
  await untilReading(pool, 'select 1')
  const client = await pool.connect()
  await client.query('select 1')
  const inTransaction = await pool.connect()
  await inTransaction.query('begin')
  const waiting = pool.query('delete from notes where id = 77')
  await waitUntil(() => pool.waitingCount > 0, { what: 'one to wait for the only connection' })
  let ended = false
  const ending = pool.end().then(() => (ended = true))
  expect(await errorOf(() => pool.query('select 1'))).toMatchObject({ code: 'POOL_CLOSED' })
  expect(await errorOf(() => pool.connect())).toMatchObject({ code: 'POOL_CLOSED' })
  expect((await client.query('select 2 as n')).rows).toEqual([{ n: 2 }])
  client.release()
  await inTransaction.query(insert, [{}])
  await inTransaction.query('commit')
  expect(ended).toBe(false)
  inTransaction.release()
  await waiting
  await ending
  expect(pool.ended).toBe(true)
})
