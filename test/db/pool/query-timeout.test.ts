// query_timeout: whoever waits has the error, the server has stopped, and the connection serves the next statement. A request
// to cancel that comes late meets nobody. A connection of which that is not certain is closed.

import pg from 'pg'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { startCluster, type EmbeddedCluster } from '../../../src/embedded/index.ts'
import { StrataPool, type StrataPoolTools } from '../../../src/db/pool/strata-pool.ts'
import type { StrataPoolConfig } from '../../../src/db/pool/options.ts'
import { startPgBouncer } from '../../support/pgbouncer.ts'
import { startTcpProxy, throughPort } from '../../support/tcp-proxy.ts'
import { waitUntil } from '../../support/wait.ts'
import { startSilentServer } from './node-pool-support.ts'
import { errorOf, untilReading } from './strata-pool-support.ts'

let cluster: EmbeddedCluster
const opened: StrataPool[] = []

beforeAll(async () => {
  cluster = await startCluster({ inMemory: true, replicas: 1 })
  await openPool('one node').query('create table notes (id int4)')
  await cluster.replicas[0]?.waitFor()
})

afterEach(async () => {
  await Promise.all(opened.splice(0).map((pool) => pool.end()))
})

afterAll(async () => {
  await cluster.stop()
})

type Shape = 'one node' | 'with a replica'

function openPool(shape: Shape, more: StrataPoolConfig = {}, tools: StrataPoolTools = {}): StrataPool {
  const replicas = shape === 'one node' ? [] : cluster.replicas.map((each) => ({ connectionString: each.url() }))
  const pool = new StrataPool({ connectionString: cluster.primary.url(), max: 1, replicas, ...more }, tools)
  opened.push(pool)
  return pool
}

/** How many statements with this in their text run on the server. */
async function runningOn(url: string, mark: string): Promise<number> {
  const client = new pg.Client(url)
  await client.connect()
  try {
    const { rows } = await client.query<{ n: number }>(
      `select count(*)::int4 as n from pg_stat_activity
       where state = 'active' and pid <> pg_backend_pid() and strpos(query, $1) > 0`,
      [mark],
    )
    return rows[0]?.n ?? -1
  } finally {
    await client.end()
  }
}

/** The error is sent a moment before the server says that it is idle. */
async function untilStopped(url: string, mark: string): Promise<void> {
  await waitUntil(async () => (await runningOn(url, mark)) === 0, { what: `${mark} to be stopped`, timeoutMs: 2_000 })
}

async function stateOf(client: pg.Client, pid: number | undefined): Promise<string | undefined> {
  const { rows } = await client.query<{ state: string }>('select state from pg_stat_activity where pid = $1', [pid])
  return rows[0]?.state
}

function isCancelRequest(data: Buffer): boolean {
  return data.length === 16 && data.readInt32BE(4) === 80_877_102
}

interface Queries {
  query(config: pg.QueryConfig & { route?: string }): Promise<pg.QueryResult<{ pid: number }>>
}

async function pidOf(on: Queries, route?: 'read'): Promise<number | undefined> {
  const { rows } = await on.query({ text: 'select pg_backend_pid() as pid', ...(route === undefined ? {} : { route }) })
  return rows[0]?.pid
}

const timedOut = { code: 'QUERY_TIMEOUT', details: { timeoutMs: 100 } }

describe('a query that takes too long', () => {
  test('is cancelled on the server, and its connection serves the next', async () => {
    const pool = openPool('one node', { query_timeout: 100 })
    const pid = await pidOf(pool)
    const error = await errorOf(() => pool.query('select pg_sleep(30) /* plain */'))
    expect(error).toMatchObject(timedOut)
    expect(error?.cause).toMatchObject({ code: '57014' })
    await untilStopped(cluster.primary.url(), '/* plain */')
    expect(await pidOf(pool)).toBe(pid)
  })

  test.each(['one node', 'with a replica'] as const)('has a bound of its own, with %s', async (shape) => {
    const pool = openPool(shape, { query_timeout: 30_000 })
    await pool.start()
    const pid = await pidOf(pool)
    const text = 'select pg_sleep(30) /* own */'
    expect(await errorOf(() => pool.query({ text, query_timeout: 100 }))).toMatchObject(timedOut)
    await untilStopped(cluster.primary.url(), '/* own */')
    expect(await pidOf(pool)).toBe(pid)
    // Zero is none.
    const unbounded = openPool(shape, { query_timeout: 100 })
    await unbounded.query({ text: 'select pg_sleep(0.3)', query_timeout: 0 })
  })

  test('is cancelled on the replica that runs it', async () => {
    const pool = openPool('with a replica', { consistency: 'eventual', query_timeout: 100 })
    await untilReading(pool, 'select 1')
    const pid = await pidOf(pool, 'read')
    const text = 'select pg_sleep(30), pg_is_in_recovery() /* replica */'
    expect(await errorOf(() => pool.query({ text, route: 'read' } as pg.QueryConfig))).toMatchObject(timedOut)
    await untilStopped(cluster.replicas[0]?.url() ?? '', '/* replica */')
    expect(await pidOf(pool, 'read')).toBe(pid)
    const { rows } = await pool.query({ text: 'select pg_is_in_recovery() as there', route: 'read' } as pg.QueryConfig)
    expect(rows).toEqual([{ there: true }])
  })

  test.each(['one node', 'with a replica'] as const)(
    'fails its transaction, which can be rolled back, with %s',
    async (shape) => {
      const pool = openPool(shape)
      const client = await pool.connect()
      try {
        await client.query('begin')
        const pid = await pidOf(client)
        const text = 'select pg_sleep(30) /* transaction */'
        const error = await errorOf(() => client.query({ text, query_timeout: 100 } as pg.QueryConfig))
        expect(error).toMatchObject(timedOut)
        await untilStopped(cluster.primary.url(), '/* transaction */')
        expect(await errorOf(() => client.query('select 1'))).toMatchObject({ code: '25P02' })
        await client.query('rollback')
        expect(await pidOf(client)).toBe(pid)
      } finally {
        client.release()
      }
    },
  )

  test('changes nothing as a write of a session, which goes on', async () => {
    const pool = openPool('with a replica')
    await pool.start()
    const pid = await pidOf(pool)
    await pool.scope(undefined, async () => {
      const text = 'insert into notes select 1 from pg_sleep(30) /* session */'
      expect(await errorOf(() => pool.query({ text, query_timeout: 100 }))).toMatchObject(timedOut)
      await untilStopped(cluster.primary.url(), '/* session */')
      expect(await pidOf(pool)).toBe(pid)
      await pool.query('insert into notes values (2)')
      const { rows } = await pool.query('select id from notes where id in (1, 2)')
      expect(rows).toEqual([{ id: 2 }])
    })
  })

  test('is cancelled through PgBouncer, whose connection serves the next', async () => {
    const bouncer = await startPgBouncer(cluster.primary.url(), 'transaction')
    try {
      const pool = openPool('one node', { connectionString: bouncer.url, query_timeout: 100 })
      await pidOf(pool)
      expect(await errorOf(() => pool.query('select pg_sleep(30) /* bouncer */'))).toMatchObject(timedOut)
      await untilStopped(cluster.primary.url(), '/* bouncer */')
      await pidOf(pool)
      expect(pool.stats()[0]).toMatchObject({ connects: 1, destroyed: 0 })
    } finally {
      await Promise.all(opened.splice(0).map((pool) => pool.end()))
      await bouncer.close()
    }
  })
})

test.each(['one node', 'with a replica'] as const)('a late request meets no other query, with %s', async (shape) => {
  const pool = openPool(shape)
  await pool.start()
  const rounds = process.env['PGSTRATA_SOAK'] === '1' ? 500 : 100
  for (let round = 0; round < rounds; round++) {
    // The end of the query and its bound come at the same moment, now the one first, now the other; every tenth is in no hurry.
    const isSlow = round % 10 === 0
    const lengthMs = isSlow ? 2_000 : 3 + (round % 9) / 2
    const early = errorOf(() => pool.query({ text: `select pg_sleep(${lengthMs / 1_000})`, query_timeout: 4 }))
    const next = errorOf(() => pool.query('select pg_sleep(0.002)'))
    const error = await early
    if (error !== undefined || isSlow) expect(error).toMatchObject({ code: 'QUERY_TIMEOUT' })
    expect(await next).toBeUndefined()
  }
  expect(pool.stats()[0]).toMatchObject({ connects: 1, destroyed: 0 })
})

test.each(['one node', 'with a replica'] as const)(
  'nobody has the connection of a query that ended before its request to cancel came, with %s',
  async (shape) => {
    const proxy = await startTcpProxy(() => Number(new URL(cluster.primary.url()).port))
    const blocker = new pg.Client(cluster.primary.url())
    await blocker.connect()
    try {
      const pool = openPool(shape, { connectionString: throughPort(cluster.primary.url(), proxy.port) })
      await pool.start()
      const pid = await pidOf(pool)
      let letGo = (): void => undefined
      const isHeld = new Promise<void>((resolve) => {
        proxy.holdWhen = (data) => {
          if (!isCancelRequest(data)) return undefined
          resolve()
          return new Promise<void>((passOn) => (letGo = passOn))
        }
      })
      await blocker.query('select pg_advisory_lock(7)')
      const early = pool.query({ text: 'select pg_advisory_lock(7), 1 as n', query_timeout: 50 })
      let isNextOver = false
      const next = pool
        .query({ text: 'select 2 as n /* next */ from pg_sleep(0.2)', route: 'write' } as pg.QueryConfig)
        .finally(() => (isNextOver = true))
      await isHeld
      await blocker.query('select pg_advisory_unlock(7)')
      // The server has answered the first one.
      await waitUntil(async () => (await stateOf(blocker, pid)) === 'idle', { what: 'the end of the query' })
      expect(isNextOver).toBe(false)
      expect(pool.stats()[0]).toMatchObject({ active: 1, waiting: 1 })
      expect(await runningOn(cluster.primary.url(), '/* next */')).toBe(0)
      letGo()
      expect((await early).rows).toMatchObject([{ n: 1 }])
      expect((await next).rows).toEqual([{ n: 2 }])
      expect(await pidOf(pool)).toBe(pid)
      await pool.query('select pg_advisory_unlock(7)')
    } finally {
      await Promise.all(opened.splice(0).map((pool) => pool.end()))
      await blocker.end()
      await proxy.close()
    }
  },
)

describe('a connection of which it is not certain', () => {
  test('that its server stands still is cut, and the pool goes on', async () => {
    const pool = openPool('one node', { query_timeout: 100 })
    const pid = await pidOf(pool)
    if (pid === undefined) throw new Error('A backend has a number')
    process.kill(pid, 'SIGSTOP')
    try {
      const sinceMs = performance.now()
      expect(await errorOf(() => pool.query('select 1'))).toMatchObject(timedOut)
      const tookMs = performance.now() - sinceMs
      expect(tookMs).toBeGreaterThan(1_000)
      expect(tookMs).toBeLessThan(5_000)
      expect(await pidOf(pool)).not.toBe(pid)
      expect(pool.stats()[0]).toMatchObject({ connects: 2, total: 1, active: 0 })
    } finally {
      process.kill(pid, 'SIGCONT')
    }
  })

  test('that the request was dealt with is closed, though the query ended by itself', async () => {
    const silent = await startSilentServer()
    const server = Number(new URL(cluster.primary.url()).port)
    const silentPort = Number(new URL(silent.url).port)
    // The first is the pool's, the second the request's.
    const proxy = await startTcpProxy((connection) => (connection === 1 ? silentPort : server))
    try {
      const pool = openPool('one node', { connectionString: throughPort(cluster.primary.url(), proxy.port) })
      const pid = await pidOf(pool)
      const { rows } = await pool.query({ text: 'select 1 as n from pg_sleep(0.5)', query_timeout: 100 })
      expect(rows).toEqual([{ n: 1 }])
      expect(proxy.connections).toBe(2)
      expect(await pidOf(pool)).not.toBe(pid)
      expect(pool.stats()[0]).toMatchObject({ connects: 2, total: 1, active: 0 })
    } finally {
      await Promise.all(opened.splice(0).map((pool) => pool.end()))
      await proxy.close()
    }
  })

  test('that the request arrived is closed when the query does not end', async () => {
    const proxy = await startTcpProxy(() => Number(new URL(cluster.primary.url()).port))
    try {
      const pool = openPool('one node', { connectionString: throughPort(cluster.primary.url(), proxy.port) })
      const pid = await pidOf(pool)
      let dropped = 0
      proxy.cutWhen = (data) => {
        const isRequest = isCancelRequest(data)
        if (isRequest) dropped++
        return isRequest
      }
      expect(await errorOf(() => pool.query({ text: 'select pg_sleep(30)', query_timeout: 100 }))).toMatchObject(
        timedOut,
      )
      expect(dropped).toBe(1)
      expect(await pidOf(pool)).not.toBe(pid)
      expect(pool.stats()[0]).toMatchObject({ connects: 2, total: 1, active: 0 })
    } finally {
      await Promise.all(opened.splice(0).map((pool) => pool.end()))
      await proxy.close()
    }
  })
})
