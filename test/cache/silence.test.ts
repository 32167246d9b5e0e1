// A process that cannot be heard: whoever invalidates waits until it serves no copies any more, also where Redis has forgotten
// that it did, and no longer.

import { expect, test, onTestFinished } from 'vitest'
import { systemClock, type Clock } from '../../src/base/clock.ts'
import { useRedis } from '../support/redis.ts'
import { startTcpProxy } from '../support/tcp-proxy.ts'
import { waitUntil } from '../support/wait.ts'
import type { Cache } from '../../src/cache/index.ts'
import { openCaches } from './support.ts'

const redis = useRedis()
const long = { ttl: '10 min' }

async function openBehindProxy(
  clock: Clock = systemClock,
): Promise<{ near: Cache; far: Cache; silence: () => void; speak: () => void }> {
  const proxy = await startTcpProxy(() => redis().port)
  onTestFinished(() => proxy.close())
  const [far] = await openCaches(1, { redis: `redis://127.0.0.1:${proxy.port}`, clock })
  const [near] = await openCaches(1, { redis: redis().url })
  if (near === undefined || far === undefined) throw new Error('two caches')
  expect(await near.get('k', () => 'old', long)).toBe('old')
  expect(await far.get('k', () => 'never asked', long)).toBe('old')
  expect(await far.get('k', () => 'never asked', long)).toBe('old')
  expect(far.stats().namespaces['default']?.localHits).toBe(1)
  return { near, far, silence: () => void (proxy.isSilent = true), speak: () => void (proxy.isSilent = false) }
}

test('an invalidation is acknowledged when the silent process serves no copy any more', async () => {
  const { near, far, silence } = await openBehindProxy()
  silence()
  expect(await near.invalidate({ keys: ['k'] })).toBe('everywhere')
  expect(await far.get('k', () => 'new', long)).toBe('new')
})

test('also when the process stood still meanwhile, and its timers have yet to fire', async () => {
  const late: (() => void)[] = []
  let isStopped = false
  const after: Clock['after'] = (delayMs, callback) =>
    systemClock.after(delayMs, () => void (isStopped ? late.push(callback) : callback()))
  const { near, far, silence } = await openBehindProxy({ ...systemClock, after })
  isStopped = true
  silence()
  expect(await near.invalidate({ keys: ['k'] })).toBe('everywhere')
  const got = far.get('k', () => 'new', long)
  isStopped = false
  for (const callback of late) callback()
  expect(await got).toBe('new')
})

test('also when Redis was emptied, and knows nobody', async () => {
  const { near, far, silence } = await openBehindProxy()
  silence()
  await redis().send('FLUSHALL')
  expect(await near.invalidate({ keys: ['k'] })).toBe('everywhere')
  expect(await far.get('k', () => 'new', long)).toBe('new')
})

test('what a silent process invalidates is pending, gone here at once, and everywhere as soon as it is heard', async () => {
  const { near, far, silence, speak } = await openBehindProxy()
  silence()
  expect(await far.invalidate({ keys: ['k'] })).toBe('pending')
  expect(await far.get('k', () => 'new', long)).toBe('new')
  expect(await near.get('k', () => 'never asked', long)).toBe('old')
  speak()
  await waitUntil(() => far.stats().redis === 'up', { what: 'the connection to be back' })
  expect(await near.get('k', () => 'new', long)).toBe('new')
})

test('copies are gone as soon as the connection is lost', async () => {
  const [cache] = await openCaches(1, { redis: redis().url })
  await cache?.get('k', () => 'old', long)
  await redis().kill()
  onTestFinished(() => redis().restart())
  await waitUntil(() => cache?.stats().redis === 'down', { what: 'the loss to be noticed' })
  expect(await cache?.get('k', () => 'new', long)).toBe('new')
})

test('where there is no Redis at all, everything is loaded, and nothing fails', async () => {
  const [cache] = await openCaches(1, { redis: 'redis://127.0.0.1:1' })
  expect(await cache?.get('k', () => 1, long)).toBe(1)
  expect(await cache?.get('k', () => 2, long)).toBe(2)
  expect(cache?.stats().redis).toBe('down')
})

test('where its memory is full, values are loaded, those that are stored are served and invalidated', async () => {
  const [a, b] = await openCaches(2, { redis: redis().url })
  await a?.get('k', () => 1, long)
  await redis().send('CONFIG', 'SET', 'maxmemory', '1')
  onTestFinished(async () => void (await redis().send('CONFIG', 'SET', 'maxmemory', '0')))
  expect(await b?.get('k', () => 2, long)).toBe(1)
  expect(await b?.get('other', () => 3, long)).toBe(3)
  expect(await b?.invalidate({ keys: ['k'] })).toBe('everywhere')
  expect(await a?.get('k', () => 4, long)).toBe(4)
})

test('its password is in no message, and a URL that cannot be used is refused at once', async () => {
  await expect(openCaches(1, { redis: 'http://user:secret@127.0.0.1' })).rejects.toMatchObject({
    code: 'CONFIG_INVALID',
    message: expect.not.stringContaining('secret') as string,
  })
})
