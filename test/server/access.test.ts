// Who may ask what: tokens, wrong ones by the thousand, and a server without any.

import { Agent, request } from 'node:http'
import { expect, onTestFinished, test } from 'vitest'
import { createAccess, Guesses } from '../../src/server/access.ts'
import { fakeClock } from '../support/fake-clock.ts'
import { bearer, guarded, manageToken, readToken, serve } from './support.ts'

const post = (url: string, headers: Record<string, string> = {}): Promise<Response> =>
  fetch(url, { method: 'POST', headers })

async function codeOf(response: Response): Promise<[number, string]> {
  const { error } = (await response.json()) as { error: { code: string } }
  return [response.status, error.code]
}

test('health is open; to look needs a token, and to change one that may', async () => {
  const { url } = await serve({ tokens: guarded })
  for (const path of ['/health', '/health/live', '/health/ready', '/openapi.json'])
    expect([path, (await fetch(url + path)).status]).toEqual([path, 200])
  for (const path of ['/metrics', '/metrics/database', '/health/performance', '/database/health', '/api/overview']) {
    const refused = await fetch(url + path)
    expect(refused.headers.get('www-authenticate')).toBe('Bearer realm="pgstrata"')
    expect([path, await codeOf(refused)]).toEqual([path, [401, 'HTTP_UNAUTHORIZED']])
    for (const token of [readToken, manageToken])
      expect([path, (await fetch(url + path, { headers: bearer(token) })).status]).toEqual([path, 200])
  }
  expect(await codeOf(await post(`${url}/database/cache/clear`))).toEqual([401, 'HTTP_UNAUTHORIZED'])
  expect(await codeOf(await post(`${url}/database/cache/clear`, bearer(readToken)))).toEqual([403, 'HTTP_FORBIDDEN'])
  expect((await post(`${url}/database/cache/clear`, bearer(manageToken))).status).toBe(200)
})

test.each([
  ['another scheme', `Basic ${readToken}`],
  ['the beginning of one', `Bearer ${readToken.slice(0, -1)}`],
  ['more than one', `Bearer ${readToken} ${manageToken}`],
  ['one with something behind it', `Bearer ${readToken}x`],
  ['nothing', 'Bearer '],
  ['a very long one', `Bearer ${'x'.repeat(5_000)}`],
])('%s is no token', async (_, authorization) => {
  const { url } = await serve({ tokens: guarded })
  expect(await codeOf(await fetch(`${url}/api/overview`, { headers: { authorization } }))).toEqual([
    401,
    'HTTP_UNAUTHORIZED',
  ])
})

test('ten thousand wrong tokens get in nowhere, and hold up nobody who has a right one', async () => {
  const { url, port, audited, logged } = await serve({ tokens: guarded })
  const agent = new Agent({ keepAlive: true })
  onTestFinished(() => agent.destroy())
  const guess = (token: string): Promise<number> =>
    new Promise((resolve, reject) => {
      const options = {
        agent,
        host: '127.0.0.1',
        port,
        path: '/api/jobs/analyze/run',
        method: 'POST',
        headers: bearer(token),
      }
      request(options, (response) => response.resume().once('end', () => resolve(response.statusCode ?? 0)))
        .once('error', reject)
        .end()
    })
  const statuses = new Map<number, number>()
  for (let round = 0; round < 100; round++) {
    const answers = Array.from({ length: 100 }, async (_, index) => {
      const status = await guess(`wrong-token-number-${round * 100 + index}`)
      statuses.set(status, (statuses.get(status) ?? 0) + 1)
    })
    const right = await fetch(`${url}/api/overview`, { headers: bearer(readToken) })
    expect(right.status).toBe(200)
    await Promise.all(answers)
  }
  expect(Object.fromEntries(statuses)).toEqual({ 401: 10, 429: 9_990 })
  expect(audited).toEqual([])
  expect(logged).toEqual([])
}, 120_000)

test('who guessed too often is told when to come back, and is heard again then', () => {
  const clock = fakeClock()
  const access = createAccess(guarded, clock)
  const guess = (address = '10.0.0.1'): unknown => {
    try {
      return access.admit({
        level: 'read',
        authorization: 'Bearer wrong',
        host: undefined,
        address,
        isForwarded: false,
      })
    } catch (error) {
      return error
    }
  }
  for (let tries = 0; tries < 10; tries++) expect(guess()).toMatchObject({ code: 'HTTP_UNAUTHORIZED' })
  clock.advance(20_000)
  expect(guess()).toMatchObject({ code: 'HTTP_TOO_MANY', details: { retryAfterSeconds: 40 } })
  expect(guess('10.0.0.2')).toMatchObject({ code: 'HTTP_UNAUTHORIZED' })
  clock.advance(40_000)
  expect(guess()).toMatchObject({ code: 'HTTP_UNAUTHORIZED' })
})

test('what is remembered of addresses has a bound, and one network of IPv6 is one', () => {
  const guesses = new Guesses(fakeClock())
  for (let index = 0; index < 30_000; index++) guesses.note(`10.${index >> 16}.${(index >> 8) & 255}.${index & 255}`)
  expect(guesses.size).toBe(10_000)
  const waits = Array.from({ length: 11 }, (_, index) => guesses.note(`2001:db8::1:${index}`))
  expect(waits.map((wait) => wait > 0)).toEqual([...Array.from({ length: 10 }, () => false), true])
  expect(guesses.note('2001:db8:0:1::1')).toBe(0)
})

test('without tokens this machine may look, by the name of the loopback, and nobody may change', async () => {
  const { url, port } = await serve()
  expect((await fetch(`${url}/api/overview`)).status).toBe(200)
  expect((await fetch(`http://localhost:${port}/metrics`)).status).toBe(200)
  expect(await codeOf(await post(`${url}/database/optimize`))).toEqual([403, 'HTTP_FORBIDDEN'])
  const forwarded = await fetch(`${url}/api/overview`, { headers: { 'x-forwarded-for': '10.0.0.1' } })
  expect(await codeOf(forwarded)).toEqual([403, 'HTTP_FORBIDDEN'])
  const rebound = await new Promise<number | undefined>((resolve, reject) => {
    request({ port, path: '/api/overview', headers: { host: 'evil.example' } }, (response) => {
      response.resume()
      resolve(response.statusCode)
    })
      .once('error', reject)
      .end()
  })
  expect(rebound).toBe(403)
})

test('without tokens nobody from elsewhere may look', () => {
  const access = createAccess({ read: [], manage: [] }, fakeClock())
  const ask = (address: string) => () =>
    access.admit({ level: 'read', authorization: undefined, host: 'localhost', address, isForwarded: false })
  expect(ask('::ffff:127.0.0.1')()).toEqual({ name: 'anybody', mayManage: false })
  expect(ask('10.0.0.1')).toThrow(expect.objectContaining({ code: 'HTTP_FORBIDDEN' }))
})

test('an address that others reach needs tokens', async () => {
  await expect(serve({ host: '0.0.0.0' })).rejects.toMatchObject({
    code: 'CONFIG_INVALID',
    message: expect.stringContaining('`server.tokens`') as string,
  })
  const { port } = await serve({ host: '0.0.0.0', tokens: guarded })
  expect((await fetch(`http://127.0.0.1:${port}/api/overview`)).status).toBe(401)
})

test('a management call is in the audit before it is carried out, with its outcome afterwards, and without secrets', async () => {
  const seen: string[] = []
  const served = await serve(
    { tokens: guarded },
    {
      cache: {
        stats: () => ({ namespaces: {}, bytes: 0, redis: 'none' }),
        clear: async (namespace) => {
          seen.push(...served.audited.map(({ outcome }) => outcome))
          if (namespace === 'broken') throw new Error('the password is secret')
          return 'everywhere'
        },
      },
      explain: async () => ({ plan: {}, insights: [], suggestions: [] }),
    },
  )
  const call = (path: string, body: object): Promise<Response> =>
    fetch(served.url + path, {
      method: 'POST',
      headers: { ...bearer(manageToken), 'content-type': 'application/json' },
      body: JSON.stringify(body),
    })
  expect((await call('/database/cache/clear', { namespace: 'songs' })).status).toBe(200)
  const failed = await call('/database/cache/clear', { namespace: 'broken' })
  expect(await codeOf(failed)).toEqual([500, 'INTERNAL'])
  expect((await call('/api/explain', { sql: 'select secret', params: ['secret'], analyze: true })).status).toBe(200)
  expect(seen).toEqual(['begun', 'done', 'begun'])
  const by = { actor: 'operator', address: '127.0.0.1' }
  expect(served.audited).toEqual([
    { ...by, action: 'POST /database/cache/clear', details: { namespace: 'songs' }, outcome: 'done' },
    { ...by, action: 'POST /database/cache/clear', details: { namespace: 'broken' }, outcome: 'failed: INTERNAL' },
    { ...by, action: 'POST /api/explain', details: { analyze: true }, outcome: 'done' },
  ])
  expect(JSON.stringify(served.logged)).not.toContain('secret')
})

test('what cannot be written into the audit is not done', async () => {
  const cleared: unknown[] = []
  const { url } = await serve(
    { tokens: guarded },
    {
      audit: { begin: () => Promise.reject(new Error('no table')), end: async () => undefined },
      cache: {
        stats: () => ({ namespaces: {}, bytes: 0, redis: 'none' }),
        clear: async (namespace) => (cleared.push(namespace), 'everywhere'),
      },
    },
  )
  expect((await post(`${url}/database/cache/clear`, bearer(manageToken))).status).toBe(500)
  expect(cleared).toEqual([])
})
