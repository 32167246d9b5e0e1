// QueryCache, as the original design uses it: get, and set for some milliseconds; what it adds is that nothing stale is stored.

import { expect, onTestFinished, test } from 'vitest'
import { CACHE_TTL, QueryCache } from '../../../examples/mycelix/src/db/optimized-queries.ts'
import { createCache } from '../../../src/cache/index.ts'
import { fakeClock } from '../../support/fake-clock.ts'

function openCache() {
  const clock = fakeClock()
  const cache = createCache({ memoryBytes: 1024 ** 2, clock })
  onTestFinished(() => cache.close())
  return { clock, cache, queries: new QueryCache(cache) }
}

test('what was set is there until its time is over', async () => {
  const { clock, queries } = openCache()
  expect(await queries.get('platform_stats')).toBeUndefined()
  expect(queries.set('platform_stats', { total_plays: 7 }, CACHE_TTL.platformStats)).toBe(true)
  expect(await queries.get('platform_stats')).toEqual({ total_plays: 7 })
  clock.advance(CACHE_TTL.platformStats - 1)
  expect(await queries.get('platform_stats')).toEqual({ total_plays: 7 })
  clock.advance(2)
  expect(await queries.get('platform_stats')).toBeUndefined()
})

test('what was deleted between a get and its set is not stored', async () => {
  const { queries } = openCache()
  expect(await queries.get('top_songs')).toBeUndefined()
  await queries.delete('top_songs')
  queries.set('top_songs', ['stale'], CACHE_TTL.topSongs)
  expect(await queries.get('top_songs')).toBeUndefined()
})

test('a set that nobody asked for stores nothing', async () => {
  const { queries } = openCache()
  expect(queries.set('artist', 'stale', CACHE_TTL.artistProfile)).toBe(false)
  expect(await queries.get('artist')).toBeUndefined()
})

test('the lifetimes are those of the original design, in milliseconds', () => {
  expect(CACHE_TTL).toEqual({ platformStats: 60_000, topSongs: 300_000, artistProfile: 600_000 })
})

test('without anything it is a cache of this process', async () => {
  const queries = new QueryCache()
  await queries.get('a')
  queries.set('a', 1, 1_000)
  expect(await queries.get('a')).toBe(1)
})
