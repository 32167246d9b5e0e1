// How long a value is fresh, stale, negative; when it is loaded ahead of time; what a token asks for.

import { expect, test } from 'vitest'
import type { ChangeBatch } from '../../src/changes/feed/change.ts'
import { tableTag } from '../../src/cache/index.ts'
import { fakeClock } from '../support/fake-clock.ts'
import { useRedis } from '../support/redis.ts'
import { openCache, openCaches } from './support.ts'

const redis = useRedis()
const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

function counter(): { load: () => number; count: () => number } {
  let count = 0
  return { load: () => ++count, count: () => count }
}

test('a value is fresh for its ttl, stale for staleFor while it is loaded again, then gone', async () => {
  const clock = fakeClock()
  const cache = await openCache({ clock })
  const { load } = counter()
  const options = { ttl: '10s', staleFor: '20s' }
  expect(await cache.get('k', load, options)).toBe(1)
  clock.advance(9_999)
  expect(await cache.get('k', load, options)).toBe(1)
  clock.advance(1)
  expect(await cache.get('k', load, options)).toBe(1)
  await settle()
  expect(await cache.get('k', load, options)).toBe(2)
  clock.advance(30_000)
  expect(await cache.get('k', load, options)).toBe(3)
  expect(cache.stats().namespaces['default']).toMatchObject({ staleServed: 1, refreshes: 1, loads: 3, misses: 2 })
})

test('a stale value that was invalidated is not served', async () => {
  const clock = fakeClock()
  const cache = await openCache({ clock })
  const { load } = counter()
  const options = { ttl: '10s', staleFor: '20s' }
  await cache.get('k', load, options)
  clock.advance(15_000)
  await cache.invalidate({ keys: ['k'] })
  expect(await cache.get('k', load, options)).toBe(2)
})

test('what is asked for often is loaded before its time is over, what is not is not', async () => {
  const clock = fakeClock()
  const cache = await openCache({ clock })
  const [hot, cold] = [counter(), counter()]
  await cache.get('hot', hot.load, { ttl: '10s' })
  await cache.get('cold', cold.load, { ttl: '10s' })
  clock.advance(8_500)
  for (let n = 0; n < 4; n++) await cache.get('hot', hot.load, { ttl: '10s' })
  await cache.get('cold', cold.load, { ttl: '10s' })
  await settle()
  expect([hot.count(), cold.count()]).toEqual([2, 1])
})

test('"there is none" is remembered for its own time', async () => {
  const clock = fakeClock()
  const cache = await openCache({ clock })
  let loads = 0
  const load = (): null => {
    loads++
    return null
  }
  const options = { ttl: '10 min', negativeTtl: '2s' }
  expect(await cache.get('k', load, options)).toBeNull()
  expect(await cache.get('k', load, options)).toBeNull()
  clock.advance(2_000)
  await cache.get('k', load, options)
  expect(loads).toBe(2)
})

test.each([
  ['user', 600],
  ['session', 3_600],
  ['balance', 30],
  ['reports', 300],
  ['portfolio', 300],
  ['price', 60],
  ['governance', 1_800],
  ['mine', 7],
])('a value of namespace %s is fresh for %i s', async (namespace, seconds) => {
  const clock = fakeClock()
  const cache = await openCache({ clock, namespaces: { mine: { ttl: '7s' } } })
  const { load } = counter()
  await cache.get('k', load, { namespace })
  clock.advance(seconds * 1_000 - 1)
  expect(await cache.get('k', load, { namespace, refreshAhead: false })).toBe(1)
  clock.advance(1)
  expect(await cache.get('k', load, { namespace })).toBe(2)
})

test('through Redis: stale values are served by all and loaded by one, and a fresh one is found by the others', async () => {
  const caches = await openCaches(3, { redis: redis().url })
  const { load, count } = counter()
  const options = { ttl: '1ms', staleFor: '10 min' }
  await caches[0]?.get('stale', load, options)
  await expect
    .poll(async () => Math.max(...(await Promise.all(caches.map((one) => one.get('stale', load, options))))))
    .toBe(2)
  expect(count()).toBeGreaterThan(1)
})

test('a namespace is cleared without the others', async () => {
  const cache = await openCache({ redis: redis().url })
  const [price, user] = [counter(), counter()]
  const both = async (): Promise<readonly number[]> => [
    await cache.get('k', price.load, { namespace: 'price' }),
    await cache.get('k', user.load, { namespace: 'user' }),
  ]
  expect(await both()).toEqual([1, 1])
  await cache.clear('price')
  expect(await both()).toEqual([2, 1])
})

test.each([['in memory'], ['with Redis']])(
  '%s: with a token only what is strictly newer is served, or what the feed has passed',
  async (way) => {
    let position = 100n
    const [cache] = await openCaches(1, {
      ...(way === 'with Redis' ? { redis: redis().url } : {}),
      position: () => Promise.resolve(position),
    })
    const { load, count } = counter()
    const told: unknown[] = []
    const get = (token: bigint | undefined): Promise<number> | undefined =>
      cache?.get(
        'token',
        ({ atLeast }) => {
          told.push(atLeast)
          return load()
        },
        { token },
      )
    expect(await get(undefined)).toBe(1)
    expect(await get(99n)).toBe(1)
    position = 100n
    expect(await get(100n)).toBe(2)
    position = 150n
    expect(await get(120n)).toBe(3)
    expect(await get(149n)).toBe(3)
    await cache?.noteProgress(200n)
    expect(await get(200n)).toBe(3)
    expect(await get(201n)).toBe(4)
    expect(count()).toBe(4)
    expect(told).toEqual([100n, 100n, 150n, 201n])
  },
)

test('the feed invalidates tables and rows, notes how far it is, and a reset empties everything', async () => {
  const cache = await openCache({ redis: redis().url, prefix: 'feed' })
  const { load } = counter()
  const get = (token?: bigint): Promise<number> => cache.get('k', load, { tags: [tableTag('public', 'songs')], token })
  const batch: ChangeBatch = {
    epoch: 'e',
    lsn: 50n,
    seq: 0,
    isLast: true,
    committedAt: new Date(0),
    changes: [
      {
        schema: 'public',
        table: 'songs',
        kind: 'update',
        key: { id: '1' },
        keyBefore: undefined,
        row: {},
        unchanged: [],
      },
    ],
  }
  expect(await get()).toBe(1)
  await cache.listener.onBatch({ ...batch, changes: [] })
  expect(await get(50n)).toBe(1)
  await cache.listener.onBatch({ ...batch, lsn: 60n })
  expect(await get(60n)).toBe(2)
  expect(await get(60n)).toBe(2)
  await cache.listener.onReset({ epoch: 'f', why: 'test' })
  expect(await get()).toBe(3)
  expect(await get(60n)).toBe(4)
})

test('a closed cache says so', async () => {
  const cache = await openCache()
  await cache.close()
  await expect(cache.get('k', () => 1)).rejects.toMatchObject({ code: 'CACHE_CLOSED' })
})
