// What doctor says of the Redis of a cache: a real one, bounded and not, and none.

import { expect, onTestFinished, test } from 'vitest'
import { systemClock } from '../../src/base/clock.ts'
import { systemRandom } from '../../src/base/random.ts'
import { cacheProbes } from '../../src/cache/index.ts'
import { startRedis } from '../support/redis.ts'

const probesOf = (redis: string | undefined): ReturnType<typeof cacheProbes> =>
  cacheProbes({ redis, clock: systemClock, random: systemRandom })

test('Redis that may grow without end is told of, and one that forgets nothing; a bounded one that forgets is fine', async () => {
  const redis = await startRedis()
  onTestFinished(() => redis.close())
  const [probe] = probesOf(redis.url)
  expect(await probe?.run()).toMatchObject({
    verdict: 'warn',
    found: expect.stringMatching(/^Redis \d+\..* may use any amount$/),
  })
  await redis.send('CONFIG', 'SET', 'maxmemory', '100mb')
  expect(await probe?.run()).toMatchObject({ verdict: 'warn', fix: expect.stringContaining('allkeys-lfu') })
  await redis.send('CONFIG', 'SET', 'maxmemory-policy', 'allkeys-lfu')
  expect(await probe?.run()).toEqual({
    verdict: 'ok',
    found: expect.stringMatching(/^Redis \d+\.\S+ uses .* of 100 MB, allkeys-lfu$/),
  })
  await redis.kill()
  expect(await probe?.run()).toMatchObject({ verdict: 'warn', found: expect.stringContaining('cannot be reached') })
})

test('without Redis there is nothing to ask, and a URL that is none is told of without being shown', async () => {
  expect(probesOf(undefined)).toEqual([])
  const [probe] = probesOf('http://secret@somewhere')
  const result = await probe?.run()
  expect(result).toMatchObject({ verdict: 'fail', found: expect.stringContaining('The URL of Redis cannot be used') })
  expect(JSON.stringify(result)).not.toContain('secret')
})
