// A limit holds over processes, a refused call costs nothing, without Redis each process counts by itself, and Fastify says
// so in its headers.

import fc from 'fast-check'
import fastify from 'fastify'
import { randomUUID } from 'node:crypto'
import { expect, onTestFinished, test } from 'vitest'
import type { Limiter } from '../../src/cache/index.ts'
import { judge } from '../../src/cache/limiter/window.ts'
import { fastifyRateLimit } from '../../src/http/index.ts'
import { fakeClock } from '../support/fake-clock.ts'
import { checkProperty } from '../support/property.ts'
import { useRedis } from '../support/redis.ts'
import { waitUntil } from '../support/wait.ts'
import { openCache, openCaches } from './support.ts'

const redis = useRedis()

test('of two processes that ask at once, the limit is allowed once in all', async () => {
  const caches = await openCaches(2, { redis: redis().url })
  const name = randomUUID()
  const shared = caches.map((cache) => cache.limiter({ name, limit: 10, window: '1 hour' }))
  const taken = await Promise.all(Array.from({ length: 40 }, (_, n) => shared[n % 2]?.take('someone')))
  expect(taken.filter((each) => each?.isAllowed)).toHaveLength(10)
  expect(await shared[0]?.take('another')).toMatchObject({ isAllowed: true, remaining: 9 })
})

test('what is taken ahead is counted at once, given out without Redis, and never beyond the limit', async () => {
  const name = randomUUID()
  const limiters = (await openCaches(2, { redis: redis().url })).map((cache) =>
    cache.limiter({ name, limit: 100, window: '1 hour', ahead: 10 }),
  )
  const [here, there] = limiters
  if (here === undefined || there === undefined) throw new Error('Expected two limiters')
  expect(await here.take('k')).toMatchObject({ isAllowed: true, remaining: 99 })
  expect(await there.take('k')).toMatchObject({ isAllowed: true, remaining: 88 })
  expect(await countedIn(name)).toBe(22)
  const given = [await here.take('k', 4), await here.take('k', 4), await here.take('k', 2)]
  expect(given.map(({ remaining }) => remaining)).toEqual([95, 91, 89])
  expect(await countedIn(name)).toBe(22)
  // What the other process holds is not allowed here.
  const tries = []
  for (let count = 0; count < 100; count++) tries.push((await here.take('k')).isAllowed)
  expect(tries.indexOf(false)).toBe(78)
  expect(await countedIn(name)).toBe(100)
  const left = await Promise.all(Array.from({ length: 20 }, async () => (await there.take('k')).isAllowed))
  expect(left.filter(Boolean)).toHaveLength(10)
  expect(await there.take('another')).toMatchObject({ isAllowed: true, remaining: 99 })
})

test('of those who ask at once one takes ahead', async () => {
  const cache = await openCache({ redis: redis().url })
  const limiter = cache.limiter({ name: randomUUID(), limit: 1_000, window: '1 hour', ahead: 100 })
  await Promise.all(Array.from({ length: 50 }, () => limiter.take('k')))
  const { remaining } = await limiter.take('k', 101)
  // What was taken ahead may still be taken here.
  expect(remaining).toBe(1_000 - 50 - 101)
})

test('what was taken ahead ends with its window', async () => {
  const cache = await openCache({ redis: redis().url })
  const name = randomUUID()
  const limiter = cache.limiter({ name, limit: 1_000, window: '300ms', ahead: 100 })
  await limiter.take('k')
  const window = await ofCounter(name, 'i')
  const isAnother = async (): Promise<boolean> => {
    // So little that it would last for a hundred thousand calls.
    await limiter.take('k', 0.001)
    return (await ofCounter(name, 'i')) !== window
  }
  await waitUntil(isAnother, { what: 'the next window' })
})

test('however much is taken ahead, the limit is allowed and no more, and nobody is refused by more than that too early', async () => {
  const caches = await openCaches(3, { redis: redis().url })
  const asked = fc.record({ who: fc.nat({ max: 2 }), cost: fc.integer({ min: 1, max: 7 }) })
  const cases = fc.record({
    asks: fc.array(asked, { minLength: 60, maxLength: 120 }),
    ahead: fc.nat({ max: 20 }),
    processes: fc.integer({ min: 1, max: 3 }),
  })
  const limit = 100
  await checkProperty(
    'limits taken ahead',
    cases,
    async ({ asks, ahead, processes }) => {
      const name = randomUUID()
      const limiters = caches.map((cache) => cache.limiter({ name, limit, window: '1 hour', ahead }))
      let allowed = 0
      let refusedAt = Infinity
      for (const { who, cost } of asks) {
        const taken = await limiters[who % processes]?.take('k', cost)
        if (taken?.isAllowed === true) allowed += cost
        else refusedAt = Math.min(refusedAt, allowed + cost)
      }
      expect(allowed).toBeLessThanOrEqual(limit)
      // Each holds at most what it took ahead, and less than what it was asked for last.
      expect(refusedAt).toBeGreaterThan(limit - (ahead + 7) * processes)
    },
    { runs: 30 },
  )
})

test('what would be taken ahead is at most half the limit', async () => {
  const cache = await openCache()
  const open = (ahead: number): Limiter => cache.limiter({ name: 'api', limit: 10, window: '1 min', ahead })
  for (const ahead of [-1, 5, 6, Number.NaN])
    expect(() => open(ahead)).toThrow(expect.objectContaining({ code: 'VALUE_INVALID' }))
  expect(await open(4).take('k')).toMatchObject({ isAllowed: true })
})

test('in memory: a cost is taken whole or not at all, and comes back as the window slides', async () => {
  const clock = fakeClock()
  const cache = await openCache({ clock })
  const limiter = cache.limiter({ name: 'api', limit: 10, window: '10s' })
  expect(await limiter.take('k', 8)).toMatchObject({ isAllowed: true, remaining: 2 })
  expect(await limiter.take('k', 3)).toMatchObject({ isAllowed: false, remaining: 2 })
  expect(await limiter.take('k', 2)).toMatchObject({ isAllowed: true, remaining: 0 })
  clock.advance(10_000)
  expect(await limiter.take('k', 1)).toMatchObject({ isAllowed: false })
  clock.advance(5_000)
  expect(await limiter.take('k', 5)).toMatchObject({ isAllowed: true, remaining: 0 })
  clock.advance(20_000)
  expect(await limiter.take('k', 10)).toMatchObject({ isAllowed: true })
})

test('who waits as long as it says is let in', () => {
  const rule = { limit: 10, windowMs: 1_000, cost: 3 }
  for (const counts of [
    { before: 10, current: 0, elapsedMs: 100 },
    { before: 4, current: 6, elapsedMs: 500 },
    { before: 0, current: 10, elapsedMs: 900 },
  ]) {
    const { isAllowed, retryMs } = judge(counts, rule)
    expect(isAllowed).toBe(false)
    const atMs = counts.elapsedMs + retryMs
    const later =
      atMs < 1_000 ? { ...counts, elapsedMs: atMs } : { before: counts.current, current: 0, elapsedMs: atMs - 1_000 }
    expect(judge(later, rule).isAllowed).toBe(true)
    expect(retryMs).toBeLessThanOrEqual(2_000)
  }
})

test('require() refuses with the time to wait, and no key in it', async () => {
  const cache = await openCache()
  const limiter = cache.limiter({ name: 'api', limit: 1, window: '1 hour' })
  await limiter.require('secret')
  const error: unknown = await limiter.require('secret').catch((thrown: unknown) => thrown)
  expect(error).toMatchObject({ code: 'RATE_LIMITED', status: 429, details: { limiter: 'api', limit: 1 } })
  expect(JSON.stringify(error)).not.toContain('secret')
})

test('while Redis is away a process counts by itself, and nothing fails', async () => {
  const cache = await openCache({ redis: 'redis://127.0.0.1:1' })
  const limiter = cache.limiter({ name: 'away', limit: 2, window: '1 hour' })
  const taken = [await limiter.take('k'), await limiter.take('k'), await limiter.take('k')]
  expect(taken.map(({ isAllowed }) => isAllowed)).toEqual([true, true, false])
})

test('several limits are asked of a request at once, and each is told of', async () => {
  const cache = await openCache()
  const app = fastify()
  onTestFinished(() => app.close())
  const users = cache.limiter({ name: 'users', limit: 2, window: '1 min' })
  const all = cache.limiter({ name: 'all', limit: 3, window: '1 hour' })
  const userOf = ({ headers }: { readonly headers: Readonly<Record<string, unknown>> }): string | undefined => {
    const user = headers['x-user']
    return typeof user === 'string' ? user : undefined
  }
  await app.register(
    fastifyRateLimit([{ limiter: users, keyOf: userOf }, { limiter: all }], {
      bodyOf: ({ retryMs }) => ({ again: retryMs > 120_000 }),
    }),
  )
  app.get('/', () => 'ok')
  const ask = async (user?: string) =>
    await app.inject({ url: '/', headers: user === undefined ? {} : { 'x-user': user } })
  const answers = [await ask('ada'), await ask(), await ask('ada'), await ask('ada'), await ask()]
  expect(answers.map(({ statusCode }) => statusCode)).toEqual([200, 200, 200, 429, 429])
  expect(answers[0]?.headers['ratelimit-policy']).toBe('"users";q=2;w=60, "all";q=3;w=3600')
  expect(answers[0]?.headers['ratelimit']).toMatch(/^"users";r=1;t=\d+, "all";r=2;t=\d+$/)
  expect(answers[1]?.headers['ratelimit']).toMatch(/^"all";r=1;t=\d+$/)
  // By both, and the longer wait is told.
  expect(answers[3]?.json()).toEqual({ again: true })
})

test('Fastify answers with RateLimit headers, and 429 with Retry-After', async () => {
  const cache = await openCache()
  const app = fastify()
  onTestFinished(() => app.close())
  const limiter = cache.limiter({ name: 'web', limit: 2, window: '1 min' })
  await app.register(fastifyRateLimit(limiter))
  app.get('/', () => 'ok')
  const answers = [await app.inject('/'), await app.inject('/'), await app.inject('/')]
  expect(answers.map(({ statusCode }) => statusCode)).toEqual([200, 200, 429])
  expect(answers[0]?.headers['ratelimit-policy']).toBe('"web";q=2;w=60')
  expect(answers[0]?.headers['ratelimit']).toMatch(/^"web";r=1;t=\d+$/)
  expect(Number(answers[2]?.headers['retry-after'])).toBeGreaterThan(0)
})

test('who asks may be found out first; where that fails the address is counted, and a refusal says what it is given to say', async () => {
  const cache = await openCache()
  const app = fastify()
  onTestFinished(() => app.close())
  const limiter = cache.limiter({ name: 'users', limit: 1, window: '1 min' })
  const users: Readonly<Record<string, string>> = { a: 'ada', b: 'bob' }
  const keyOf = async ({ headers }: { readonly headers: Readonly<Record<string, unknown>> }): Promise<string> => {
    const user = await Promise.resolve(users[String(headers['x-token'])])
    if (user === undefined) throw new Error('nobody')
    return user
  }
  const errors: unknown[] = []
  await app.register(
    fastifyRateLimit(limiter, {
      keyOf,
      onError: (error) => void errors.push(error),
      bodyOf: ({ retryMs }) => ({ error: { code: 'SLOW_DOWN', again: retryMs > 0 } }),
    }),
  )
  app.get('/', () => 'ok')
  const ask = async (token: string) => await app.inject({ url: '/', headers: { 'x-token': token } })
  const answers = [await ask('a'), await ask('b'), await ask('a'), await ask('c'), await ask('c')]
  expect(answers.map(({ statusCode }) => statusCode)).toEqual([200, 200, 429, 200, 429])
  expect(answers[2]?.json()).toEqual({ error: { code: 'SLOW_DOWN', again: true } })
  expect(errors.map(String)).toEqual(['Error: nobody', 'Error: nobody'])
})

test('who has no key is not limited; where the limiter itself fails the request goes on, and that is told', async () => {
  const cache = await openCache()
  const app = fastify()
  onTestFinished(() => app.close())
  const limiter = cache.limiter({ name: 'some', limit: 1, window: '1 min' })
  const errors: unknown[] = []
  const options = { onError: (error: unknown) => void errors.push(error) }
  await app.register(fastifyRateLimit(limiter, { ...options, keyOf: () => undefined }))
  const failing = { name: 'failing', limit: 1, windowMs: 1_000, take: () => Promise.reject(new Error('out of order')) }
  await app.register(fastifyRateLimit(failing, options))
  app.get('/', () => 'ok')
  const answers = [await app.inject('/'), await app.inject('/')]
  expect(answers.map(({ statusCode }) => statusCode)).toEqual([200, 200])
  expect(answers[1]?.headers['ratelimit']).toBeUndefined()
  expect(errors.map(String)).toEqual(['Error: out of order', 'Error: out of order'])
})

/** What Redis has counted for the one key of a limiter. */
const countedIn = async (name: string): Promise<number> => Number(await ofCounter(name, 'c'))

async function ofCounter(name: string, field: 'c' | 'i'): Promise<string> {
  const keys = (await redis().send('KEYS', `*:limit:${name}:*`)) as readonly unknown[]
  expect(keys).toHaveLength(1)
  return String(await redis().send('HGET', String(keys[0]), field))
}
