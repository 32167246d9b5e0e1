// Simulated nodes over HTTP: each behaviour as a prober would see it, the same answers for the same seed, and what changes them while
// they run; and the fetcher, against servers that do what no node should.

import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, describe, expect, test } from 'vitest'
import { createFetcher, type Fetched, type FetcherOptions } from '../../../examples/streamr/src/prober/fetcher.ts'
import { segmentDigest } from '../../../examples/streamr/src/prober/segment.ts'
import {
  openSimulatedNodes,
  parseBehaviour,
  usualBehaviour,
  type SimulatedNodesOptions,
} from '../../../examples/streamr/src/simulated/index.ts'
import { fakeClock } from '../../support/fake-clock.ts'
import { freePort } from '../../support/free-port.ts'
import { createSignal } from './prober-support.ts'

const open: { close(): Promise<void> | void }[] = []
afterEach(async () => {
  for (const each of open.splice(0).toReversed()) await each.close()
})

async function begin(options: Partial<SimulatedNodesOptions> = {}) {
  const clock = fakeClock()
  const nodes = await openSimulatedNodes({ port: 0, seed: 'one', clock, usual: () => ({ kind: 'honest' }), ...options })
  open.push(nodes)
  const get = async (path: string): Promise<Record<string, unknown>> => {
    const response = await fetch(`${nodes.url}${path}`)
    return (await response.json()) as Record<string, unknown>
  }
  return { clock, nodes, get }
}

const question = { streamId: 's', segment: 5, nonce: 'n-1' }
const segmentPath = (node: string): string => `/n/${node}/segment?stream=s&segment=5&nonce=n-1`

describe('simulated nodes', () => {
  test('an honest one counts on, and shows what it claims', async () => {
    const { clock, get } = await begin()
    const first = await get('/n/ada/stats')
    clock.advance(60_000)
    const second = await get('/n/ada/stats')
    expect(second).toMatchObject({ node_id: 'ada', sequence: 2, timestamp: new Date(clock.now()).toISOString() })
    expect(Number(second['bytes_sent'])).toBeGreaterThan(Number(first['bytes_sent']))
    const shown = await get(segmentPath('ada'))
    expect(shown).toMatchObject({ nonce: 'n-1', digest: segmentDigest(question), viewers: second['viewers'] })
    expect(shown['bytes_sent']).toBe(second['bytes_sent'])
  })

  test('the same seed gives the same answers, another seed gives others', async () => {
    const [one, same, other] = [await begin(), await begin(), await begin({ seed: 'two' })]
    const answers = await Promise.all([one, same, other].map(({ get }) => get('/n/ada/stats')))
    expect(answers[0]).toEqual(answers[1])
    expect(answers[0]).not.toEqual(answers[2])
  })

  test('one that lies claims more than it shows', async () => {
    const { clock, nodes, get } = await begin()
    nodes.node('eve').behave({ kind: 'lying', factor: 4, hasStream: true })
    clock.advance(60_000)
    const [claimed, shown] = [await get('/n/eve/stats'), await get(segmentPath('eve'))]
    expect(claimed['viewers']).toBe(4 * Number(shown['viewers']))
    expect(Number(claimed['bytes_sent'])).toBeGreaterThan(Number(shown['bytes_sent']))
    expect(shown['digest']).toBe(segmentDigest(question))
    nodes.node('eve').behave({ kind: 'lying', factor: 1, hasStream: false })
    expect((await get(segmentPath('eve')))['digest']).not.toBe(segmentDigest(question))
  })

  test('one that replays gives its last answers, whatever is asked', async () => {
    const { clock, nodes, get } = await begin()
    const before = await get('/n/eve/stats')
    nodes.node('eve').behave({ kind: 'replaying' })
    clock.advance(60_000)
    expect(await get('/n/eve/stats')).toEqual(before)
    expect((await get(segmentPath('eve')))['nonce']).not.toBe('n-1')
  })

  test('one that is impossible, and one whose stream is gone', async () => {
    const { clock, nodes, get } = await begin()
    nodes.node('eve').behave({ kind: 'impossible', how: 'negative' })
    expect(Number((await get('/n/eve/stats'))['viewers'])).toBeLessThan(0)
    nodes.node('eve').behave({ kind: 'impossible', how: 'future' })
    expect(Date.parse(String((await get('/n/eve/stats'))['timestamp']))).toBeGreaterThan(clock.now() + 3_600_000)
    nodes.node('eve').behave({ kind: 'impossible', how: 'too-fast' })
    expect(Number((await get('/n/eve/stats'))['bytes_sent'])).toBeGreaterThan(1e14)
    const goneAt = new Date(clock.now()).toISOString()
    nodes.node('eve').behave({ kind: 'stalled' })
    clock.advance(600_000)
    expect(await get('/n/eve/stats')).toMatchObject({
      heartbeat_at: goneAt,
      timestamp: new Date(clock.now()).toISOString(),
    })
  })

  test('one that lags answers when its time has come, and one that comes and goes while it is there', async () => {
    const arrived = createSignal()
    const { clock, nodes, get } = await begin({ onRequest: ({ nodeId }) => nodeId === 'late' && arrived.resolve() })
    nodes.node('late').behave({ kind: 'lagging', delayMs: 5_000 })
    let isThere = false
    const answer = get('/n/late/stats').finally(() => {
      isThere = true
    })
    await arrived.promise
    clock.advance(4_999)
    await get('/n/ada/stats')
    expect(isThere).toBe(false)
    clock.advance(1)
    expect(await answer).toMatchObject({ node_id: 'late' })
    nodes.node('flap').behave({ kind: 'flapping', upMs: 1_000, downMs: 2_000 })
    expect(await get('/n/flap/stats')).toMatchObject({ node_id: 'flap' })
    clock.advance(1_000)
    await expect(get('/n/flap/stats')).rejects.toThrow('fetch failed')
    clock.advance(2_000)
    expect(await get('/n/flap/stats')).toMatchObject({ node_id: 'flap' })
  })

  test('behaviour is changed and told over HTTP, and nothing that is no behaviour is taken', async () => {
    const { nodes, get } = await begin()
    const put = async (node: string, body: string): Promise<[number, unknown]> => {
      const response = await fetch(`${nodes.url}/control/nodes/${node}`, { method: 'PUT', body })
      return [response.status, await response.json()]
    }
    expect(await put('eve', '{"kind":"lying","factor":3}')).toEqual([
      200,
      { nodeId: 'eve', behaviour: { kind: 'lying', factor: 3, hasStream: true }, asked: { stats: 0, segment: 0 } },
    ])
    await get('/n/ada/stats')
    expect(await get('/control/nodes')).toMatchObject({ counts: { honest: 1, lying: 1 }, nodes: [{ nodeId: 'eve' }] })
    expect(await get('/control/nodes/ada')).toMatchObject({ behaviour: { kind: 'honest' }, asked: { stats: 1 } })
    for (const bad of [
      '',
      '[]',
      '{"kind":"toString"}',
      '{"kind":"lying","factor":"3"}',
      '{"kind":"dead","how":"maybe"}',
    ])
      expect((await put('ada', bad))[0], bad).toBe(400)
    expect((await put('ada', JSON.stringify({ kind: 'honest', more: 'x'.repeat(5_000) })))[0]).toBe(400)
    expect((await fetch(`${nodes.url}/control/nodes/%E0%A4%A`)).status).toBe(404)
    expect((await fetch(`${nodes.url}/elsewhere`)).status).toBe(404)
    expect(nodes.node('ada').behaviour).toEqual({ kind: 'honest' })
  })

  test('close does not wait for whoever hangs', async () => {
    const arrived = createSignal()
    const { nodes, get } = await begin({ onRequest: () => arrived.resolve() })
    nodes.node('eve').behave({ kind: 'dead', how: 'hangs' })
    const answer = get('/n/eve/stats').catch((error: unknown) => error)
    await arrived.promise
    await nodes.close()
    expect(await answer).toBeInstanceOf(Error)
  })

  test('the usual ones are mostly honest, and each kind is among them', () => {
    const kinds = Array.from({ length: 10_000 }, (_, index) => usualBehaviour(index / 10_000))
    expect(kinds.filter(({ kind }) => kind === 'honest').length).toBeGreaterThan(9_000)
    expect(new Set(kinds.map(({ kind }) => kind)).size).toBe(8)
    for (const kind of kinds) expect(parseBehaviour(kind)).toEqual(kind)
  })
})

describe('a fetcher', () => {
  async function serve(listener: RequestListener): Promise<string> {
    const server = createServer(listener)
    await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve))
    open.push({
      close: () => {
        server.closeAllConnections()
        server.close()
      },
    })
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  }
  async function fetchOf(url: string, options: Partial<FetcherOptions> = {}): Promise<Fetched> {
    const fetcher = createFetcher({
      timeoutMs: 5_000,
      maxBodyBytes: 100,
      maxRedirects: 2,
      clock: fakeClock(),
      ...options,
    })
    open.push(fetcher)
    return await fetcher.get(url, new AbortController().signal)
  }

  test('brings a body that is not too long, and refuses one that is, with or without a length', async () => {
    const text = (length: number): string => 'x'.repeat(length)
    const url = await serve((request, response) => {
      const length = Number(request.url?.slice(1))
      if (length < 1_000) return response.end(text(length))
      response.write(text(60))
      response.write(text(60))
      return response
    })
    expect(await fetchOf(`${url}/100`)).toEqual({ body: Buffer.from(text(100)) })
    expect(await fetchOf(`${url}/101`)).toEqual({ failure: 'the answer is longer than 100 bytes' })
    expect(await fetchOf(`${url}/1000`)).toEqual({ failure: 'the answer is longer than 100 bytes' })
  })

  test('follows redirects within a host, and nowhere else', async () => {
    const other = await serve((_, response) => void response.end('other'))
    const url = await serve((request, response) => {
      const locations: Record<string, string> = {
        '/once': '/here',
        '/round': '/round',
        '/away': `${other}/here`,
        '/file': 'file:///etc/passwd',
        '/broken': 'http://[',
      }
      const location = locations[request.url ?? '']
      if (location === undefined) return response.end('here')
      return response.writeHead(302, { location }).end()
    })
    expect(await fetchOf(`${url}/once`)).toEqual({ body: Buffer.from('here') })
    expect(await fetchOf(`${url}/round`)).toEqual({ failure: 'more than 2 redirects' })
    for (const path of ['away', 'file', 'broken'])
      expect(await fetchOf(`${url}/${path}`)).toEqual({ failure: 'a redirect to another host' })
  })

  test('says what is wrong with an address, and asks only where it is permitted', async () => {
    const url = await serve((_, response) => void response.writeHead(503).end())
    expect(await fetchOf(url)).toEqual({ failure: 'answered with status 503' })
    expect(await fetchOf('nowhere')).toEqual({ failure: 'the address is not a URL' })
    expect(await fetchOf('ftp://example.org/')).toEqual({ failure: 'the address is neither http nor https' })
    expect(await fetchOf(url, { permits: () => false })).toEqual({ failure: 'the address is not permitted' })
    expect(await fetchOf(`http://127.0.0.1:${await freePort()}/`)).toEqual({
      failure: 'cannot be reached: ECONNREFUSED',
    })
  })

  test('gives up when its time is over, also in the middle of a body, and when it is called off', async () => {
    const clock = fakeClock()
    const begun = [createSignal(), createSignal(), createSignal()]
    const url = await serve((request, response) => {
      if (request.url === '/1') response.write('x')
      begun[Number(request.url?.slice(1))]?.resolve()
    })
    for (const [index, arrived] of begun.slice(0, 2).entries()) {
      const answer = fetchOf(`${url}/${index}`, { clock })
      await arrived.promise
      clock.advance(5_000)
      expect(await answer).toEqual({ failure: 'no answer within 5000 ms' })
    }
    const fetcher = createFetcher({ timeoutMs: 5_000, maxBodyBytes: 100, maxRedirects: 2, clock })
    open.push(fetcher)
    const calledOff = new AbortController()
    const answer = fetcher.get(`${url}/2`, calledOff.signal)
    await begun[2]?.promise
    calledOff.abort()
    expect(await answer).toEqual({ abandoned: true })
    expect(await fetcher.get(url, calledOff.signal)).toEqual({ abandoned: true })
  })

  test('uses a connection again, and one that was closed meanwhile does not count against a node', async () => {
    let answered = 0
    const url = await serve((request, response) => {
      answered++
      if (answered === 2) request.socket.destroy()
      else response.end('here')
    })
    const fetcher = createFetcher({ timeoutMs: 5_000, maxBodyBytes: 100, maxRedirects: 0, clock: fakeClock() })
    open.push(fetcher)
    const { signal } = new AbortController()
    expect(await fetcher.get(url, signal)).toEqual({ body: Buffer.from('here') })
    expect(await fetcher.get(url, signal)).toEqual({ body: Buffer.from('here') })
    expect(answered).toBe(3)
  })
})
