import type { RequestListener } from 'node:http'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { describe, expect, test } from 'vitest'
import { causalListener, type CarrierOptions } from '../../src/http/index.ts'
import { fakeStrata, positionsOf, secret, serve } from './support.ts'

const options: CarrierOptions = { secret }
const strata = fakeStrata()
const causal = (listener: RequestListener): Promise<string> => serve(causalListener(strata, options, listener))

describe('the head of a response carries the token', () => {
  const ways: readonly [string, RequestListener, (response: Response) => unknown][] = [
    ['end() alone', (_, response) => response.end(), (response) => response.status === 200],
    ['write()', (_, response) => void (response.write('a'), response.end('b')), async (r) => (await r.text()) === 'ab'],
    ['flushHeaders()', (_, response) => void (response.flushHeaders(), response.end('x')), (r) => r.status === 200],
    [
      'writeHead()',
      (_, response) => response.writeHead(201, 'Made', { etag: '"1"' }).end(),
      (r) => r.statusText === 'Made',
    ],
    [
      'a pipe',
      (_, response) => void pipeline(Readable.from(['a', 'b']), response),
      async (r) => (await r.text()) === 'ab',
    ],
    ['a redirect', (_, response) => response.writeHead(303, { location: '/next' }).end(), (r) => r.status === 303],
    ['304', (_, response) => response.writeHead(304, { etag: '"1"' }).end(), (r) => r.headers.get('etag') === '"1"'],
    ['204', (_, response) => response.writeHead(204).end(), (r) => r.status === 204],
    ['an error', (_, response) => response.writeHead(500).end('no'), async (r) => (await r.text()) === 'no'],
    [
      'early hints',
      (_, response) => response.writeEarlyHints({ link: '</a.css>; rel=preload' }, () => response.end('x')),
      (r) => r.status === 200,
    ],
  ]
  test.each(ways)('%s', async (_, answer, holds) => {
    const url = await causal((request, response) => {
      strata.write(5)
      return answer(request, response)
    })
    for (const method of ['GET', 'POST']) {
      const response = await fetch(url, { method, redirect: 'manual' })
      expect(positionsOf(response)).toEqual([5, 5])
      expect(await holds(response)).toBe(true)
    }
    expect(positionsOf(await fetch(url, { method: 'HEAD', redirect: 'manual' }))).toEqual([5, 5])
  })

  test('as it is known when the head is written: later writes are not in it', async () => {
    const url = await causal((_, response) => {
      strata.write(5)
      response.write('a')
      strata.write(6)
      response.end('b')
    })
    const response = await fetch(url)
    expect(positionsOf(response)).toEqual([5, 5])
    expect(await response.text()).toBe('ab')
  })

  test('once, when the first attempt to write it fails', async () => {
    const url = await causal((_, response) => {
      strata.write(5)
      response.setHeader('set-cookie', 'own=1')
      expect(() => response.writeHead(200, { 'x-broken': 'a\nb' })).toThrow('Invalid character')
      response.removeHeader('x-broken')
      response.writeHead(500).end()
    })
    const response = await fetch(url)
    expect(response.status).toBe(500)
    expect(response.headers.getSetCookie().map((line) => line.split('=')[0])).toEqual(['own', 'pgstrata'])
    expect(positionsOf(response)).toEqual([5, 5])
  })

  test('and a second head is refused as ever', async () => {
    const messages: unknown[] = []
    const url = await causal((_, response) => {
      strata.write(5)
      response.writeHead(200)
      try {
        response.writeHead(500)
      } catch (error) {
        messages.push((error as Error).message)
      }
      response.end()
    })
    expect((await fetch(url)).status).toBe(200)
    expect(messages).toEqual(['Cannot write headers after they are sent to the client'])
  })
})
