// A limit holds over processes, a refused call costs nothing, without Redis each process counts by itself, and Fastify says
// so in its headers.

import fastify from 'fastify'
import { randomUUID } from 'node:crypto'
import { expect, onTestFinished, test } from 'vitest'
import { judge } from '../../src/cache/limiter/window.ts'
import { fastifyRateLimit } from '../../src/http/index.ts'
import { fakeClock } from '../support/fake-clock.ts'
import { useRedis } from '../support/redis.ts'
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
