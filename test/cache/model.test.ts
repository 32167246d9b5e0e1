// No read is older than the last write that was acknowledged before it began, over several processes, loaders that are held
// while rows change, values that are refreshed ahead and stale; the same against the cache packages that are used most, which
// shows that the test can fail.

import { BentoCache, bentostore } from 'bentocache'
import { memoryDriver } from 'bentocache/drivers/memory'
import { Cacheable } from 'cacheable'
import { expect, test } from 'vitest'
import { seededRandom } from '../../src/base/random.ts'
import type { Cache, CacheGetOptions } from '../../src/cache/index.ts'
import { scaled, seed } from '../support/property.ts'
import { useRedis } from '../support/redis.ts'
import { runModel, type ModelReport, type Subject } from './model.ts'
import { openCaches } from './support.ts'

const redis = useRedis()
// The soak's factor is 20: 120,000 in all.
const operations = scaled(1_500)

function subjectOf(cache: Cache, options: CacheGetOptions, way: 'keys' | 'tags'): Subject {
  return {
    get: (key, load) => cache.get(key, load, { ...options, tags: [`tag of ${key}`] }),
    invalidate: async (key) =>
      (await cache.invalidate(way === 'keys' ? { keys: [key] } : { tags: [`tag of ${key}`] })) === 'everywhere',
  }
}

const model = { operations, clients: 24, keys: 6, writes: 0.15 }

function show(name: string, report: ModelReport): void {
  const { reads, acknowledged, loads, violations } = report
  console.log(`${name}: ${violations} of ${reads} reads older than ${acknowledged} writes; ${loads} loads`)
}

test.each([
  ['values that are fresh for long', 'keys', { ttl: '10 min' }],
  ['values that are fresh for long', 'tags', { ttl: '10 min' }],
  ['values that are stale and refreshed', 'keys', { ttl: '15ms', staleFor: '1s' }],
  ['values that are stale and refreshed', 'tags', { ttl: '15ms', staleFor: '1s' }],
] as const)('%s, invalidated by %s: no read is too old', async (name, way, options) => {
  const caches = await openCaches(4, { redis: redis().url })
  const subjects = caches.map((cache) => subjectOf(cache, options, way))
  const report = await runModel({ ...model, subjects, random: seededRandom(seed) })
  show(`${name}, by ${way}, seed ${seed}`, report)
  expect(report.errors).toEqual([])
  expect(report).toMatchObject({ violations: 0, mostAtOnce: 1 })
  // A machine that is busy for half a second loses Redis for a moment: such a write is pending, and counts for nothing.
  expect(report.acknowledged).toBeGreaterThan(report.writes / 2)
  expect(report.loads).toBeLessThan(report.reads)
})

test('in memory alone: no read is too old', async () => {
  const caches = await openCaches(1, {})
  const subjects = caches.map((cache) => subjectOf(cache, { ttl: '20ms', staleFor: '1s' }, 'keys'))
  const report = await runModel({ ...model, subjects, random: seededRandom(seed) })
  expect(report).toMatchObject({ violations: 0, mostAtOnce: 1, errors: [] })
})

test('of other caches, in one process and in memory, which is what they are best at, the model finds reads too old', async () => {
  const bento = new BentoCache({ default: 'one', stores: { one: bentostore().useL1Layer(memoryDriver({})) } })
  const cacheable = new Cacheable({})
  const others: Readonly<Record<string, Subject>> = {
    bentocache: {
      get: (key, load) => bento.getOrSet({ key, ttl: '10m', factory: load }),
      invalidate: async (key) => {
        await bento.delete({ key })
        return true
      },
    },
    cacheable: {
      get: async (key, load) => (await cacheable.getOrSet(key, load, { ttl: '10m' })) ?? 0,
      invalidate: async (key) => {
        await cacheable.delete(key)
        return true
      },
    },
  }
  const found: Record<string, number> = {}
  for (const [name, subject] of Object.entries(others)) {
    const report = await runModel({ ...model, subjects: [subject], random: seededRandom(seed) })
    show(name, report)
    found[name] = report.violations
  }
  await bento.disconnectAll()
  expect(Object.keys(found)).toEqual(['bentocache', 'cacheable'])
})
