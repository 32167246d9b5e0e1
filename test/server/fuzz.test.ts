// Requests that are none, by the thousand, and a thousand clients at once: no crash, the right status, and afterwards as many
// sockets, connections to the database and bytes as before.

import { Agent, request } from 'node:http'
import { connect } from 'node:net'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { resolveConfig } from '../../src/config/index.ts'
import { createServer, type StrataServer } from '../../src/server/index.ts'
import { sql } from '../../src/sql/sql.ts'
import { openStrata, type Strata } from '../../src/strata.ts'
import { testDatabase, versions, type TestDatabase } from '../support/postgres.ts'
import { scaled, seed } from '../support/property.ts'
import { waitUntil } from '../support/wait.ts'
import { manageToken, readToken } from './support.ts'

const paths = [
  '/',
  '/health',
  '/health/ready',
  '/metrics',
  '/api/series',
  '/api/jobs/x/history',
  '/api/nodes',
  '/database/optimize',
  '/api/explain',
  '/api/alerts/silences/1',
  '/stream',
  '/%2e%2e/etc',
  '/api/series?metric=%00',
  '//',
  '/health//',
]
const methods = [
  'GET',
  'POST',
  'PUT',
  'DELETE',
  'OPTIONS',
  'HEAD',
  'TRACE',
  'PATCH',
  'get',
  'CONNECT',
  'PRI',
  'G\0T',
  '',
]

const token = fc.constantFrom(
  `Bearer ${readToken}`,
  `Bearer ${manageToken}`,
  'Bearer x',
  'Basic eA==',
  'Bearer \u00ff',
  '',
)
const noise = fc.string({ unit: 'binary', maxLength: 40 })
const path = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom(...paths) },
  { weight: 2, arbitrary: noise.map((text) => `/${text}`) },
  {
    weight: 2,
    arbitrary: noise.map((text) => `/api/series?metric=${encodeURIComponent(text)}&from=${encodeURIComponent(text)}`),
  },
  { weight: 1, arbitrary: fc.nat(20_000).map((length) => `/health?${'a'.repeat(length)}`) },
)
const version = fc.oneof(
  { weight: 8, arbitrary: fc.constant('HTTP/1.1') },
  fc.constantFrom('HTTP/1.0', 'HTTP/2.0', 'HTTP/9', 'HTTPS/1.1', ''),
)
const header = fc.oneof(
  token.map((value) => `authorization: ${value}`),
  fc.constantFrom(
    'content-type: application/json',
    'content-type: text/plain',
    'content-type: application/json; charset=utf-16',
    'content-type: ,,;',
    'transfer-encoding: chunked',
    'transfer-encoding: gzip, chunked',
    'transfer-encoding: xchunked',
    'content-length: 5',
    'content-length: -1',
    'content-length: 99999999999999999999',
    'content-length: 0x5',
    'expect: 100-continue',
    'expect: nothing',
    'upgrade: websocket',
    'connection: upgrade',
    'connection: close',
    'host: [::1',
    'if-none-match: "',
    'accept-encoding: gzip;q=x',
    'range: bytes=0-',
    'x-http-method-override: DELETE',
    ' folded: yes',
    'no colon',
    ': no name',
  ),
  noise.map((text) => `x-noise: ${text}`),
  fc.nat(20_000).map((length) => `x-long: ${'b'.repeat(length)}`),
)
const body = fc.oneof(
  fc.constant(''),
  fc.json().map(String),
  noise,
  fc.constantFrom(
    '5\r\nhello\r\n0\r\n\r\n',
    'ffffffffffffffff\r\n',
    '-1\r\n',
    '5;ext=1\r\nhello\r\n',
    '{"sql":',
    '{"minutes":1e999}',
    '[[[[[[',
    '"\\ud800"',
    '{"__proto__":{}}',
  ),
  fc.nat(90_000).map((length) => `{"sql":"${'c'.repeat(length)}"}`),
)
const ends = fc.constantFrom('\r\n', '\r\n', '\r\n', '\r\n', '\n', '\r')

/** HTTP as it should be, of what nobody should send. */
const odd = fc
  .record({
    method: fc.constantFrom('GET', 'GET', 'POST', 'POST', 'POST', 'DELETE', 'PATCH', 'OPTIONS'),
    path: fc.oneof(
      {
        weight: 4,
        arbitrary: fc.constantFrom(...paths, '/api/explain', '/api/explain', '/api/series?metric=x&step=1e9'),
      },
      {
        weight: 2,
        arbitrary: noise.map(
          (text) => `/api/series?metric=${encodeURIComponent(text)}&from=${encodeURIComponent(text)}`,
        ),
      },
      { weight: 1, arbitrary: fc.constantFrom(7_990, 8_001, 12_000).map((length) => `/health?${'a'.repeat(length)}`) },
    ),
    type: fc.constantFrom(
      'application/json',
      'application/json',
      'application/json',
      'text/plain',
      'application/xml',
      'multipart/form-data',
    ),
    authorization: token,
    body,
  })
  .map(({ method, path: target, type, authorization, body: content }) => {
    const length = Buffer.byteLength(content, 'latin1')
    const sent = method === 'GET' ? [] : [`content-type: ${type}`, `content-length: ${length}`]
    const head = [`${method} ${target} HTTP/1.1`, 'host: localhost', `authorization: ${authorization}`, ...sent]
    return `${head.join('\r\n')}\r\nconnection: close\r\n\r\n${method === 'GET' ? '' : content}`
  })

/** What is written to a connection, in bytes; then our side is ended. */
const broken = fc
  .record({
    method: fc.oneof({ weight: 4, arbitrary: fc.constantFrom('GET', 'POST') }, fc.constantFrom(...methods)),
    path,
    version,
    headers: fc.array(header, { maxLength: 5 }),
    body,
    end: ends,
    hasHost: fc.boolean(),
    cutAt: fc.option(fc.nat(200)),
  })
  .map(({ method, path: target, version: proto, headers, body: content, end, hasHost, cutAt }) => {
    const head = [`${method} ${target} ${proto}`, ...(hasHost ? ['host: localhost'] : []), ...headers]
    const whole = `${head.join(end)}${end}${end}${content}`
    return cutAt === null ? whole : whole.slice(0, cutAt)
  })

const malformed = fc.oneof(odd, broken)

const allowed = new Set([100, 200, 201, 304, 400, 401, 403, 404, 405, 408, 413, 414, 415, 417, 429, 431, 501])

function send(port: number, data: string): Promise<string> {
  return new Promise((resolve) => {
    let text = ''
    const socket = connect(port, '127.0.0.1', () => socket.end(data, 'latin1'))
    socket.setEncoding('latin1').on('data', (chunk: string) => {
      if (text.length < 4_096) text += chunk
    })
    // A server that resets a connection has refused it as well.
    socket.on('error', () => undefined)
    socket.once('close', () => resolve(text))
  })
}

describe.each(versions.slice(0, 1))('a server of a real database', (postgres) => {
  let database: TestDatabase
  let strata: Strata
  let server: StrataServer
  let url: string
  let port: number
  const sockets = (): number => process.getActiveResourcesInfo().filter((name) => name === 'TCPSocketWrap').length
  const connections = async (): Promise<number> => {
    const { rows } = await database.db.query<{ count: number }>(sql`
      select count(*)::int as count from pg_stat_activity where datname = current_database()`)
    return rows[0]?.count ?? 0
  }

  beforeAll(async () => {
    database = await testDatabase(postgres)
    const config = {
      database: { primary: database.url },
      server: { port: 0, tokens: { read: readToken, manage: manageToken }, requestTimeout: '2s' },
    }
    strata = openStrata(resolveConfig(config, { root: '/', name: 'test' }))
    await strata.apply()
    server = await createServer(strata)
    url = await server.listen()
    port = Number(new URL(url).port)
  })
  afterAll(async () => {
    await server.close()
    await strata.close()
    await database.close()
  })

  test('ten thousand malformed requests are refused, each for itself', async () => {
    const runs = scaled(10_000)
    console.log(`malformed requests: seed ${seed}, ${runs} of them (PGSTRATA_SEED replays)`)
    const inputs = fc.sample(malformed, { seed, numRuns: runs })
    const statuses = new Map<number, number>()
    const wrong: string[] = []
    const before = { sockets: sockets(), bytes: process.memoryUsage().heapUsed }
    let next = 0
    const work = async (): Promise<void> => {
      for (let data = inputs[next++]; data !== undefined; data = inputs[next++]) {
        const text = await send(port, data)
        const status = Number(/^HTTP\/1\.1 (\d{3}) /.exec(text)?.[1] ?? 0)
        statuses.set(status, (statuses.get(status) ?? 0) + 1)
        if (status !== 0 && !allowed.has(status)) wrong.push(`${status}: ${JSON.stringify(data.slice(0, 300))}`)
        if (/\bat [\w.]+ \(|node_modules|\.ts:\d/.test(text))
          wrong.push(`a stack: ${JSON.stringify(data.slice(0, 300))}`)
      }
    }
    await Promise.all(Array.from({ length: 32 }, work))
    console.log('statuses:', Object.fromEntries([...statuses].toSorted(([a], [b]) => a - b)))
    expect(wrong).toEqual([])
    // What is generated stops at the parser, and reaches past it.
    for (const status of [200, 400, 401, 403, 404, 405, 414, 415, 429, 431, 501])
      expect([status, statuses.get(status) ?? 0]).not.toEqual([status, 0])
    expect((await fetch(`${url}/health`)).status).toBe(200)
    await waitUntil(() => sockets() <= before.sockets + 10, { what: 'sockets are as before' })
    expect(await connections()).toBeLessThan(40)
    expect(process.memoryUsage().heapUsed - before.bytes).toBeLessThan(150_000_000)
  }, 120_000)

  test('a thousand clients at once are all answered, and leave nothing behind', async () => {
    await fetch(`${url}/health`)
    const before = { sockets: sockets(), connections: await connections() }
    const agent = new Agent({ keepAlive: true, maxSockets: Infinity })
    const asked = ['/health', '/api/nodes', '/metrics', '/api/jobs', '/database/metrics', '/api/rollups']
    const ask = (target: string): Promise<number | undefined> =>
      new Promise((resolve, reject) => {
        const headers = { authorization: `Bearer ${readToken}` }
        request({ agent, port, host: '127.0.0.1', path: target, headers }, (response) => {
          response.resume().once('end', () => resolve(response.statusCode))
        })
          .once('error', reject)
          .end()
      })
    const statuses: (number | undefined)[] = []
    const client = async (index: number): Promise<void> => {
      for (let call = 0; call < 3; call++) statuses.push(await ask(asked[(index + call) % asked.length] ?? '/'))
    }
    await Promise.all(Array.from({ length: 1_000 }, (_, index) => client(index)))
    expect(statuses.filter((status) => status !== 200)).toEqual([])
    expect(statuses).toHaveLength(3_000)
    // Of the pools of a process: what a thousand wait for is asked once.
    expect(await connections()).toBeLessThan(before.connections + 20)
    agent.destroy()
    await waitUntil(() => sockets() <= before.sockets + 10, { what: 'sockets are as before' })
    expect((await fetch(`${url}/health`)).status).toBe(200)
  }, 60_000)
})
