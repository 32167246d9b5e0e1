// What was loaded before an invalidation is served to those who asked before it, and to nobody after: in memory, through
// Redis, and from the copies of other processes.

import { randomUUID } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { tableTag, type Cache, type CacheGetOptions } from '../../src/cache/index.ts'
import { fakeClock } from '../support/fake-clock.ts'
import { useRedis } from '../support/redis.ts'
import { waitUntil } from '../support/wait.ts'
import { holdLoad, openCache, openCaches } from './support.ts'

const redis = useRedis()
const tags = [tableTag('public', 'songs'), 'mine']
const long: CacheGetOptions = { ttl: '10 min', tags }

const ways: readonly (readonly [string, (cache: Cache) => Promise<string>])[] = [
  ['key', (cache) => cache.invalidate({ keys: ['k'] })],
  ['tag', (cache) => cache.invalidate({ tags: ['mine'] })],
  ['table', (cache) => cache.invalidate({ tables: ['songs'] })],
  ['namespace', (cache) => cache.clear('default')],
  ['everything', (cache) => cache.clear()],
]

describe.each([
  ['in memory', false],
  ['with Redis', true],
] as const)('%s', (_, isShared) => {
  const open = (count: number): Promise<readonly Cache[]> => openCaches(count, isShared ? { redis: redis().url } : {})

  test.each(ways)('a load that began before an invalidation by %s is not stored', async (_name, invalidate) => {
    const [cache] = await open(1)
    const old = holdLoad<string>()
    const first = cache?.get('k', old.load, long)
    await old.begun
    expect(cache === undefined ? '' : await invalidate(cache)).toBe('everywhere')
    const second = cache?.get('k', () => 'new', long)
    old.give('old')
    expect(await first).toBe('old')
    expect(await second).toBe('new')
    expect(await cache?.get('k', () => 'never asked', long)).toBe('new')
  })

  test.each(ways)('a stored value is gone after an invalidation by %s', async (_name, invalidate) => {
    const [cache] = await open(1)
    await cache?.get('k', () => 'old', long)
    expect(await cache?.get('k', () => 'never asked', long)).toBe('old')
    if (cache !== undefined) await invalidate(cache)
    expect(await cache?.get('k', () => 'new', long)).toBe('new')
  })

  test('loads of a key are one at a time, also behind one that was invalidated', async () => {
    const [cache] = await open(1)
    const old = holdLoad<number>()
    const next = holdLoad<number>()
    const before = [1, 2, 3].map(() => cache?.get('k', old.load, long))
    await old.begun
    await cache?.invalidate({ keys: ['k'] })
    const after = [1, 2, 3].map(() => cache?.get('k', next.load, long))
    expect(next.calls()).toBe(0)
    old.give(1)
    expect(await Promise.all(before)).toEqual([1, 1, 1])
    await next.begun
    next.give(2)
    expect(await Promise.all(after)).toEqual([2, 2, 2])
    expect([old.calls(), next.calls()]).toEqual([1, 1])
  })

  test('a loader that throws fails those who wait, leaves nothing, and the next call loads', async () => {
    const [cache] = await open(1)
    const broken = holdLoad<number>()
    const waiting = [cache?.get('k', broken.load), cache?.get('k', broken.load)]
    broken.fail(new Error('no'))
    expect((await Promise.allSettled(waiting)).map(({ status }) => status)).toEqual(['rejected', 'rejected'])
    expect(await cache?.get('k', () => 5)).toBe(5)
  })

  test('a loader that hangs is given up, and what it gives later is dropped', async () => {
    const [cache] = await open(1)
    const hung = holdLoad<number>()
    await expect(cache?.get('k', hung.load, { loadTimeout: '30ms' })).rejects.toMatchObject({
      code: 'CACHE_LOAD_TIMEOUT',
    })
    expect(await cache?.get('k', () => 2, long)).toBe(2)
    hung.give(1)
    expect(await cache?.get('k', () => 3, long)).toBe(2)
  })
})

describe('several processes on one Redis', () => {
  test.each(ways)(
    'copies of the others are gone when an invalidation by %s is acknowledged',
    async (_name, invalidate) => {
      const caches = await openCaches(3, { redis: redis().url })
      for (const cache of caches) expect(await cache.get('k', () => 'old', long)).toBe('old')
      const [first] = caches
      expect(first === undefined ? '' : await invalidate(first)).toBe('everywhere')
      const seen = await Promise.all(caches.map((cache) => cache.get('k', () => 'new', long)))
      expect(seen).toEqual(['new', 'new', 'new'])
      expect(caches.map((cache) => cache.stats().namespaces['default']?.localHits)).toEqual([0, 0, 0])
    },
  )

  test('a load of another process that began before it stores nothing', async () => {
    const [a, b] = await openCaches(2, { redis: redis().url })
    const old = holdLoad<string>()
    const first = a?.get('k', old.load, long)
    await old.begun
    await b?.invalidate({ tags: ['mine'] })
    old.give('old')
    expect(await first).toBe('old')
    expect(await b?.get('k', () => 'new', long)).toBe('new')
    expect(await a?.get('k', () => 'newer', long)).toBe('new')
  })

  test('what one loads the others wait for', async () => {
    const caches = await openCaches(4, { redis: redis().url })
    const slow = holdLoad<number>()
    const [first, ...others] = caches
    const waiting = [first?.get('k', slow.load, long)]
    await slow.begun
    waiting.push(...others.map((cache) => cache.get('k', slow.load, long)))
    slow.give(7)
    expect(await Promise.all(waiting)).toEqual([7, 7, 7, 7])
    expect(slow.calls()).toBe(1)
  })

  test('a process that loads and never ends keeps the others for a bounded time', async () => {
    const [a, b] = await openCaches(2, { redis: redis().url, wait: '50ms' })
    const hung = holdLoad<number>()
    const lost = a?.get('k', hung.load, long)
    await hung.begun
    expect(await b?.get('k', () => 2, long)).toBe(2)
    hung.give(1)
    expect(await lost).toBe(1)
  })

  test('loads of others are waited for twice at most, however long each is', async () => {
    const prefix = randomUUID()
    const [a, b] = await openCaches(2, { redis: redis().url, prefix, wait: '10 min' })
    const hung = holdLoad<number>()
    const lost = a?.get('k', hung.load, long)
    await hung.begun
    const [lease = ''] = (await redis().send('KEYS', `pgstrata:{${prefix}}:*:l:*`)) as readonly string[]
    let loaded = 0
    const waiting = b?.get('k', () => ++loaded, long)
    // As if another process took the lease each time one gave it up.
    const isLoaded = async (): Promise<boolean> => {
      await redis().send('SET', lease, randomUUID(), 'PX', '600000')
      return loaded > 0
    }
    await waitUntil(isLoaded, { what: 'it loads by itself' })
    expect(await waiting).toBe(1)
    hung.give(7)
    expect(await lost).toBe(7)
  })

  test('clocks of processes may differ by any amount', async () => {
    const prefix = randomUUID()
    const a = await openCache({ redis: redis().url, prefix })
    await a.get('k', () => 'a', { ttl: '10 min' })
    await a.get('short', () => 'a', { ttl: '1ms', staleFor: '10 min' })
    const b = await openCache({ redis: redis().url, prefix, clock: fakeClock() })
    expect(await b.get('k', () => 'b')).toBe('a')
    expect(await b.get('short', () => 'b')).toBe('a')
    expect(b.stats().namespaces['default']).toMatchObject({ sharedHits: 2, staleServed: 1 })
  })

  test('two caches of different prefix do not see each other', async () => {
    const [a] = await openCaches(1, { redis: redis().url })
    const [b] = await openCaches(1, { redis: redis().url, prefix: 'another' })
    await a?.get('k', () => 'a', long)
    expect(await b?.get('k', () => 'b', long)).toBe('b')
  })
})
