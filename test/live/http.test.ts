// Live events over HTTP on loopback: the head, who may have what, many clients, one that never reads, and servers that go.

import fastify, { type FastifyPluginCallback } from 'fastify'
import { once } from 'node:events'
import { get, type IncomingMessage } from 'node:http'
import { connect as connectHttp2, createServer as createHttp2Server } from 'node:http2'
import { createConnection, type AddressInfo } from 'node:net'
import { expect, expectTypeOf, onTestFinished, test } from 'vitest'
import { systemClock } from '../../src/base/clock.ts'
import { silentLogger } from '../../src/base/logger.ts'
import { systemRandom } from '../../src/base/random.ts'
import { fastifyLive, liveHandler, type LiveHandlerOptions } from '../../src/http/index.ts'
import { followLive } from '../../src/live-client/node.ts'
import { Hub } from '../../src/live/hub.ts'
import type { Live } from '../../src/live/index.ts'
import { defaultLimits, type LiveLimits } from '../../src/live/options.ts'
import type { TopicSpec } from '../../src/live/topic.ts'
import { serve } from '../http/support.ts'
import { waitUntil } from '../support/wait.ts'
import { batch, change, item, place } from './support.ts'

type Served = Pick<Live, 'open'> & { check(topic: unknown): void; readonly hub: Hub }

function createServed(limits: Partial<LiveLimits> = {}): Served {
  const hub = new Hub({
    declared: { tables: [item], rollups: [], tops: [] },
    limits: { ...defaultLimits, tickMs: 5, ...limits },
    clock: systemClock,
    random: systemRandom,
    logger: silentLogger,
  })
  onTestFinished(() => hub.close())
  hub.accept({ type: 'reset', why: 'the feed begins', ...place })
  return {
    hub,
    check: (topic) => void hub.parse(topic),
    open: ({ topics, ...rest }) => hub.open({ ...rest, topics: topics.map((topic) => hub.parse(topic)) }),
  }
}

const everybody: LiveHandlerOptions<TopicSpec> = { authorize: () => true, retryMs: 20 }
const query = (topics: readonly TopicSpec[] = [{ table: 'item' }]): string =>
  `?topics=${encodeURIComponent(JSON.stringify(topics))}`

/** The head, and what comes until it holds `text`. */
async function open(url: string, headers: Record<string, string> = {}): Promise<[IncomingMessage, () => string]> {
  const request = get(url, { headers, agent: false })
  onTestFinished(() => void request.destroy())
  request.on('error', () => undefined)
  const [response] = (await once(request, 'response')) as [IncomingMessage]
  let text = ''
  response.on('error', () => undefined)
  response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk))
  return [response, () => text]
}

test('the head says what it is to browsers and to what stands in between', async () => {
  const served = createServed()
  const [response, text] = await open(`${await serve(liveHandler(served, everybody))}/live${query()}`)
  expect(response.statusCode).toBe(200)
  expect(response.headers).toMatchObject({
    'content-type': 'text/event-stream; charset=utf-8',
    'cache-control': expect.stringContaining('no-store') as string,
    'x-accel-buffering': 'no',
  })
  await waitUntil(() => text().includes('event: ready'), { what: 'it is ready' })
  served.hub.accept(batch(200n, change('insert', 1, { v: 'line\nbreak' })))
  await waitUntil(() => text().includes('event: change'), { what: 'an event' })
  expect(text()).toMatch(
    /^retry: \d+\n\nevent: ready\ndata: \{.*\}\n\nid: \S+\n\nevent: change\ndata: \{.*\}\n\nid: aaaaaaaaaaaa:c8:0\n\n$/,
  )
})

test('what nobody has and what somebody may not have is an error before the stream', async () => {
  const served = createServed()
  const handler = liveHandler<TopicSpec>(served, {
    authorize: (request, topic) => {
      if (request.headers['x-user'] === 'broken') throw new Error('the password is secret')
      return 'key' in topic
    },
  })
  const url = await serve(handler)
  const statusOf = async (path: string, init: RequestInit = {}): Promise<[number, unknown]> => {
    const response = await fetch(`${url}${path}`, init)
    return [response.status, await response.json()]
  }
  expect(await statusOf('/')).toMatchObject([400, { error: { code: 'LIVE_TOPIC_INVALID' } }])
  expect(await statusOf('/?topics=%00')).toMatchObject([400, { error: { code: 'LIVE_TOPIC_INVALID' } }])
  expect(await statusOf(`/?topics=${'x'.repeat(15_000)}`)).toMatchObject([
    400,
    { error: { code: 'LIVE_TOPIC_INVALID' } },
  ])
  expect(await statusOf(`/${query([{ table: 'nothing' }])}`)).toMatchObject([
    400,
    { error: { code: 'LIVE_TOPIC_INVALID' } },
  ])
  expect(await statusOf(`/${query()}`)).toMatchObject([403, { error: { code: 'LIVE_REFUSED' } }])
  expect(await statusOf(`/${query([{ table: 'item', key: { id: 1 } }, { table: 'item' }])}`)).toMatchObject([403, {}])
  expect(await statusOf(`/${query()}`, { method: 'POST' })).toMatchObject([400, {}])
  const [status, body] = await statusOf(`/${query()}`, { headers: { 'x-user': 'broken' } })
  expect([status, body]).toMatchObject([500, { error: { code: 'INTERNAL', message: 'Something failed' } }])
  expect(JSON.stringify(body)).not.toContain('secret')
  expect(served.hub.status.connections).toBe(0)
})

test('a topic that is narrowed brings nothing else', async () => {
  const served = createServed()
  const url = await serve(
    liveHandler<TopicSpec>(served, { authorize: () => Promise.resolve({ table: 'item', where: { owner: 7 } }) }),
  )
  const [, text] = await open(`${url}/${query()}`)
  await waitUntil(() => served.hub.status.connections === 1, { what: 'it is connected' })
  served.hub.accept(batch(200n, change('insert', 1, { owner: '8' }), change('insert', 2, { owner: '7' })))
  await waitUntil(() => text().includes('event: change'), { what: 'an event' })
  expect(text().match(/"key":\{[^}]*\}/g)).toEqual(['"key":{"id":"2"}'])
})

test('a hundred clients all get everything, and are gone when they go', async () => {
  const served = createServed()
  const url = await serve(liveHandler(served, everybody))
  const clients = await Promise.all(Array.from({ length: 100 }, () => open(`${url}/${query()}`)))
  await waitUntil(() => served.hub.status.connections === 100, { what: 'all are connected' })
  for (let lsn = 200n; lsn < 230n; lsn++) served.hub.accept(batch(lsn, change('insert', Number(lsn))))
  await waitUntil(() => clients.every(([, text]) => text().includes('"id":"229"')), { what: 'all have it' })
  for (const [, text] of clients) expect(text().match(/event: change/g)).toHaveLength(30)
  for (const [response] of clients) response.destroy()
  await waitUntil(() => served.hub.status.connections === 0, { what: 'all are gone' })
})

test('a client that never reads is bounded in memory, and dropped', async () => {
  const served = createServed({ heartbeatMs: 100, stallMs: 300, queueBytes: 64 * 1024 })
  const url = new URL(await serve(liveHandler(served, everybody)))
  const socket = createConnection(Number(url.port), url.hostname)
  onTestFinished(() => void socket.destroy())
  socket.pause()
  socket.on('error', () => undefined)
  socket.write(`GET /${query()} HTTP/1.1\r\nhost: a\r\n\r\n`)
  await waitUntil(() => served.hub.status.connections === 1, { what: 'it is connected' })
  let lsn = 200n
  await waitUntil(
    () => {
      const rows = Array.from({ length: 20 }, (_, id) => change('update', id, { v: 'x'.repeat(2_000) }))
      served.hub.accept(batch(lsn++, ...rows))
      return served.hub.status.dropped === 1
    },
    { what: 'it is dropped', timeoutMs: 20_000 },
  )
  expect(served.hub.status.connections).toBe(0)
})

test('where there is no room a client is told to come back, and does', async () => {
  const served = createServed({ connections: 1 })
  const url = await serve(liveHandler(served, everybody))
  const [first] = await open(`${url}/${query()}`)
  const [second, text] = await open(`${url}/${query()}`)
  await once(second, 'end')
  expect([second.statusCode, text()]).toEqual([200, expect.stringMatching(/^retry: \d{4,5}\n\n: /)])
  first.destroy()
  await waitUntil(() => served.hub.status.connections === 0, { what: 'there is room' })
  const [third] = await open(`${url}/${query()}`)
  expect(third.statusCode).toBe(200)
})

test('HTTP/2 serves it, many streams on one connection, each ended by its client', async () => {
  const served = createServed()
  const server = createHttp2Server((request, response) => liveHandler(served, everybody)(request, response))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const session = connectHttp2(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
  onTestFinished(() => {
    session.destroy()
    server.close()
  })
  const streams = [1, 2, 3].map((id) => session.request({ ':path': `/${query([{ table: 'item', key: { id } }])}` }))
  const texts = streams.map(() => '')
  streams.forEach((stream, index) => stream.setEncoding('utf8').on('data', (chunk: string) => (texts[index] += chunk)))
  const [first] = streams
  if (first === undefined) throw new Error('No stream')
  const [head] = (await once(first, 'response')) as [Record<string, unknown>]
  expect(head).toMatchObject({ ':status': 200, 'x-accel-buffering': 'no' })
  await waitUntil(() => texts.every((text) => text.includes('event: ready')), { what: 'all are ready' })
  served.hub.accept(batch(200n, change('insert', 1), change('insert', 2), change('insert', 3)))
  await waitUntil(() => texts.every((text) => text.includes('event: change')), { what: 'an event each' })
  first.close()
  await waitUntil(() => served.hub.status.connections === 2, { what: 'one is gone' })
  served.hub.close()
  await waitUntil(() => streams.every((stream) => stream.closed), { what: 'all have ended' })
})

test('Fastify serves it as a route, with the headers that hooks have set', async () => {
  const served = createServed()
  const plugin = fastifyLive<TopicSpec>(served, { ...everybody, path: '/events' })
  expectTypeOf(plugin).toExtend<FastifyPluginCallback>()
  const app = fastify({ forceCloseConnections: true })
  onTestFinished(() => app.close())
  app.addHook('onRequest', async (_, reply) => void reply.header('access-control-allow-origin', 'https://a.example'))
  await app.register(plugin, { prefix: '/api' })
  const url = await app.listen({ port: 0, host: '127.0.0.1' })
  const [response, text] = await open(`${url}/api/events${query()}`)
  expect(response.headers).toMatchObject({
    'access-control-allow-origin': 'https://a.example',
    'x-accel-buffering': 'no',
  })
  await waitUntil(() => text().includes('event: ready'), { what: 'it is ready' })
})

test('a Node client comes back by itself with its id, and hears what it missed once', async () => {
  const served = createServed()
  const url = await serve(liveHandler(served, everybody))
  const heard: string[] = []
  const states: string[] = []
  const client = followLive({
    url,
    subscriptions: [
      { topic: { table: 'item' }, onChange: ({ kind, key }) => heard.push(`${kind} ${String(key?.['id'])}`) },
    ],
    onRefresh: ({ why }) => heard.push(why),
    onState: (state) => states.push(state),
  })
  onTestFinished(() => client.close())
  await waitUntil(() => heard.length === 1, { what: 'it is ready' })
  served.hub.accept(batch(200n, change('insert', 1)))
  await waitUntil(() => heard.length === 2, { what: 'the first' })
  served.hub.close()
  served.hub.accept(batch(210n, change('insert', 2)))
  await waitUntil(() => heard.length === 3, { what: 'the second' })
  served.hub.accept(batch(220n, change('insert', 3)))
  await waitUntil(() => heard.length === 4, { what: 'the third' })
  expect(heard).toEqual(['connected', 'insert 1', 'insert 2', 'insert 3'])
  expect(states).toEqual(['open', 'waiting', 'open'])
})

test('a Node client that is refused does not come back', async () => {
  const url = await serve(liveHandler<TopicSpec>(createServed(), { authorize: () => false }))
  const states: string[] = []
  followLive({
    url,
    subscriptions: [{ topic: { table: 'item' } }],
    onRefresh: () => undefined,
    onState: (one) => states.push(one),
  })
  await waitUntil(() => states.length > 0, { what: 'it is refused' })
  expect(states).toEqual(['closed'])
})
