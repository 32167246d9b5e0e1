// A StrataPool from its first use to its end: what it tells of its clients, what it asks of servers that are away or behind,
// what it prints of itself, and that nothing keeps it, or its process, from ending.

import { execFile } from 'node:child_process'
import { createServer, type AddressInfo } from 'node:net'
import { fileURLToPath } from 'node:url'
import { promisify, inspect } from 'node:util'
import type pg from 'pg'
import { afterAll, afterEach, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { startCluster, type EmbeddedCluster, type EmbeddedReplica } from '../../../src/embedded/index.ts'
import type { StrataPoolConfig } from '../../../src/db/pool/options.ts'
import { StrataPool } from '../../../src/db/pool/strata-pool.ts'
import { startTcpProxy, throughPort, type TcpProxy } from '../../support/tcp-proxy.ts'
import { waitUntil } from '../../support/wait.ts'
import { typescript } from '../../support/typescript.ts'
import { startSilentServer } from './node-pool-support.ts'
import { errorOf, stateOf, untilReading } from './strata-pool-support.ts'

let cluster: EmbeddedCluster
let replica: EmbeddedReplica
const opened: StrataPool[] = []

beforeAll(async () => {
  cluster = await startCluster({ inMemory: true, replicas: 1 })
  const [only] = cluster.replicas
  if (only === undefined) throw new Error('There is one replica')
  replica = only
  await openPool('one node').query('create table notes (id int4)')
  await replica.waitFor()
})

afterEach(async () => {
  await Promise.all(opened.splice(0).map((pool) => pool.end()))
})

afterAll(async () => {
  await cluster.stop()
})

const shapes = ['one node', 'with a replica'] as const
type Shape = (typeof shapes)[number]

function openPool(shape: Shape, more: StrataPoolConfig = {}): StrataPool {
  const replicas = shape === 'one node' ? [] : [{ connectionString: replica.url() }]
  const pool = new StrataPool({ connectionString: cluster.primary.url(), drainTimeout: '5s', replicas, ...more })
  opened.push(pool)
  return pool
}

async function proxyTo(url: string): Promise<TcpProxy & { readonly url: string }> {
  const port = Number(new URL(url).port)
  const proxy = await startTcpProxy(() => port)
  onTestFinished(() => proxy.close())
  return Object.assign(proxy, { url: throughPort(url, proxy.port) })
}

function eventsOf(pool: StrataPool, name: string): unknown[] {
  const events: unknown[] = []
  pool.on(name as 'error', (event) => events.push(event))
  return events
}

async function takeAndForget(pool: StrataPool): Promise<pg.PoolClient> {
  return await pool.connect()
}

test('nothing connects before the first use', async () => {
  const [primary, other] = [await proxyTo(cluster.primary.url()), await proxyTo(replica.url())]
  const replicas = [{ connectionString: other.url, min: 1 }]
  const pool = openPool('one node', { connectionString: primary.url, min: 2, replicas })
  expect(pool.nodes().map(({ state }) => state)).toEqual(['unknown', 'unknown'])
  pool.explainRouting('select 1')
  // Another one's connection and answer: there was time.
  await openPool('one node').query('select 1')
  expect([primary.connections, other.connections]).toEqual([0, 0])
  await pool.query('select 1')
  await waitUntil(() => primary.connections > 1 && other.connections > 1, { what: 'the connections kept up' })
  await pool.end()
})

describe.each(shapes)('%s', (shape) => {
  test('tells when its clients run short, and who keeps one', async () => {
    const pool = openPool(shape, { max: 2, warnAt: 1, leakAfter: '100ms' })
    const [warnings, exhausted, leaks] = ['poolWarning', 'poolExhausted', 'clientLeak'].map((name) =>
      eventsOf(pool, name),
    )
    const first = await takeAndForget(pool)
    await first.query('begin')
    // With a replica the catalog is read as well, once.
    await waitUntil(() => pool.stats()[0]?.active === 1 && pool.explainRouting('select 1').route === 'read', {
      what: 'the pool to have settled',
    })
    const second = await takeAndForget(pool)
    await second.query('begin')
    await waitUntil(() => warnings?.length === 1, { what: 'the warning' })
    expect(warnings).toMatchObject([{ node: 'primary', max: 2, active: 2, utilization: 100 }])
    expect(exhausted).toEqual([])
    const third = pool.query('insert into notes values (0)')
    await waitUntil(() => exhausted?.length === 1, { what: 'the exhaustion' })
    expect(exhausted).toMatchObject([{ node: 'primary', active: 2, idle: 0, waiting: 1, utilization: 100 }])
    await waitUntil(() => leaks?.length === 2, { what: 'the leaks' })
    for (const leak of leaks as { node: string; heldMs: number; stack: string }[]) {
      expect(leak.node).toBe('primary')
      expect(leak.heldMs).toBeGreaterThanOrEqual(100)
      expect(leak.stack).toContain('takeAndForget')
      expect(leak.stack).toContain('pool-life.test')
    }
    const healed = eventsOf(pool, 'clientHealed')
    first.release()
    second.release()
    await third
    await waitUntil(() => healed.length === 2, { what: 'both to be healed' })
    expect(healed).toEqual([{ node: 'primary' }, { node: 'primary' }])
    await waitUntil(() => pool.stats()[0]?.active === 0, { what: 'all to be back' })
    expect(pool.stats()[0]).toMatchObject({ destroyed: 0 })
  })

  test('a transaction that a query left open is rolled back before the next', async () => {
    const pool = openPool(shape, { max: 1 })
    await pool.query('begin')
    await pool.query('insert into notes values (77)')
    const { rows } = await openPool('one node').query('select id from notes where id = 77')
    expect(rows).toEqual([{ id: 77 }])
    expect(await errorOf(() => pool.query('begin; insert into notes values (78); select 1 / 0'))).toMatchObject({
      code: '22012',
    })
    const after = await pool.query({ text: 'select count(*)::int4 as n from notes where id = 78', route: 'write' })
    expect(after.rows).toEqual([{ n: 0 }])
    expect(pool.stats()[0]).toMatchObject({ active: 0, destroyed: 0 })
    await openPool('one node').query('delete from notes where id = 77')
  })

  test('LISTEN by a query costs the others nothing', async () => {
    const pool = openPool(shape, { max: 1 })
    await pool.query('listen x')
    for (let n = 0; n < 20; n++) {
      const [, answer] = await Promise.all([
        pool.query(`notify x, '${n}'`),
        pool.query({ text: 'select $1::int4 as n', values: [n], route: 'write' }),
      ])
      expect(answer.rows).toEqual([{ n }])
    }
    expect(pool.stats()[0]).toMatchObject({ active: 0, destroyed: 0, connects: 1 })
  })

  test('end() waits for clients no longer than drainTimeout', async () => {
    const pool = openPool(shape, { drainTimeout: '300ms' })
    const client = await pool.connect()
    await client.query('begin')
    client.on('error', () => {})
    const running = errorOf(() => client.query('select pg_sleep(30)'))
    const sinceMs = performance.now()
    await pool.end()
    const tookMs = performance.now() - sinceMs
    expect(tookMs).toBeGreaterThan(250)
    expect(tookMs).toBeLessThan(2_500)
    expect(await running).toBeInstanceOf(Error)
    client.release()
    expect(pool.totalCount).toBe(0)
    expect(await errorOf(() => pool.query('select 1'))).toMatchObject({ code: 'POOL_CLOSED' })
  })

  test('prints no password, of itself or of a client', async () => {
    const withPassword = (url: string): string => Object.assign(new URL(url), { password: 'geheim' }).href
    const replicas = shape === 'one node' ? [] : [{ connectionString: withPassword(replica.url()), password: 'geheim' }]
    const pool = openPool(shape, {
      connectionString: withPassword(cluster.primary.url()),
      password: 'geheim',
      replicas,
    })
    const client = await pool.connect()
    await client.query('begin')
    for (const value of [pool, client, (client as unknown as { bound: unknown }).bound, pool.stats(), pool.nodes()]) {
      expect(value).toBeDefined()
      expect(inspect(value, { depth: 6 })).not.toContain('geheim')
    }
    expect(JSON.stringify([pool.stats(), pool.nodes()])).not.toContain('geheim')
    await client.query('rollback')
    client.release()
  })
})

describe('the end', () => {
  test('comes at once while a replica takes the connection and says nothing', async () => {
    const silent = await startSilentServer()
    const replicas = [{ connectionString: silent.url }]
    const pool = openPool('one node', { connectionTimeoutMillis: 60_000, replicas })
    await pool.query('select 1')
    expect(silent.sockets.size).toBeGreaterThan(0)
    const sinceMs = performance.now()
    await pool.end()
    expect(performance.now() - sinceMs).toBeLessThan(1_500)
    await waitUntil(() => silent.sockets.size === 0, { what: 'the sockets to be closed' })
  })

  const runChild = async (mode: string): Promise<string> => {
    const script = fileURLToPath(new URL('strata-pool-child.ts', import.meta.url))
    const args = ['--import', typescript, script, mode, cluster.primary.url(), replica.url()]
    // Rejects where the exit code is not 0.
    return (await promisify(execFile)(process.execPath, args, { timeout: 30_000 })).stdout
  }

  test('of a pool lets its process end by itself', async () => {
    const sinceMs = performance.now()
    expect(await runChild('plain')).toBe('1\nended\n')
    expect(performance.now() - sinceMs).toBeLessThan(10_000)
  })

  test('a listener that throws stops no monitor', async () => {
    expect(await runChild('throwing')).toBe('the replica serves\n1\nended\n')
  })
})

describe('however many wait', () => {
  test('a primary that is away is not asked all the time', async () => {
    let attempts = 0
    const server = createServer((socket) => {
      attempts++
      socket.on('error', () => {})
      socket.destroy()
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    onTestFinished(() => void server.close())
    const { port } = server.address() as AddressInfo
    const connectionString = throughPort(cluster.primary.url(), port)
    const pool = openPool('with a replica', { connectionString, connectionTimeoutMillis: 3_000 })
    const sinceMs = performance.now()
    const errors = await Promise.all(
      Array.from({ length: 50 }, () => errorOf(() => pool.query('insert into notes values (1)'))),
    )
    const seconds = (performance.now() - sinceMs) / 1_000
    expect(errors.every((error) => error !== undefined)).toBe(true)
    expect(seconds).toBeGreaterThan(2.5)
    expect(attempts).toBeGreaterThan(2)
    expect(attempts / seconds).toBeLessThan(25)
  })

  test('for a replica to catch up, the servers are not asked all the time', async () => {
    const [primary, other] = [await proxyTo(cluster.primary.url()), await proxyTo(replica.url())]
    const pool = openPool('one node', {
      connectionString: primary.url,
      readWait: '2s',
      replicas: [{ connectionString: other.url, maxLag: '1 hour' }],
    })
    await untilReading(pool, 'select id from notes')
    await waitUntil(() => stateOf(pool, 'replica-1') === 'up', { what: 'the replica to be up' })
    await replica.pauseReplay()
    try {
      await pool.scope(undefined, async () => {
        await pool.query('insert into notes values (2)')
        const sinceMs = performance.now()
        const before = primary.flights + other.flights
        await Promise.all(Array.from({ length: 50 }, () => pool.query('select id from notes where id = 2')))
        const seconds = (performance.now() - sinceMs) / 1_000
        expect(seconds).toBeGreaterThan(1.5)
        // The reads themselves go to the primary in the end.
        const asked = primary.flights + other.flights - before
        expect(asked).toBeGreaterThan(100)
        expect(asked / seconds).toBeLessThan(450)
      })
      await pool.end()
    } finally {
      await replica.resumeReplay()
    }
  })
})
