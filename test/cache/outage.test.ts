// Redis is killed, stopped and emptied at random under load: no call fails, no read is older than an acknowledged write, no
// key is loaded twice at a time in one process, and the cache comes back by itself.

import { expect, test } from 'vitest'
import { systemClock } from '../../src/base/clock.ts'
import { seededRandom } from '../../src/base/random.ts'
import { scaled, seed } from '../support/property.ts'
import { useRedis } from '../support/redis.ts'
import { waitUntil } from '../support/wait.ts'
import { runModel } from './model.ts'
import { openCaches } from './support.ts'

const redis = useRedis()

test(
  'no error, no old value, one load of a key at a time, and back again',
  async () => {
    const random = seededRandom(seed)
    const caches = await openCaches(4, { redis: redis().url, wait: '100ms' })
    const subjects = caches.map((cache) => ({
      get: (key: string, load: () => Promise<number>) => cache.get(key, load, { ttl: '10 min' }),
      invalidate: async (key: string) => (await cache.invalidate({ keys: [key] })) === 'everywhere',
    }))
    const harm: readonly (() => Promise<unknown>)[] = [
      async () => {
        await redis().kill()
        await systemClock.sleep(random() * 300)
        await redis().restart()
      },
      async () => {
        redis().pause()
        await systemClock.sleep(random() * 1_500)
        redis().resume()
      },
      () => redis().send('FLUSHALL'),
      () => redis().send('CLIENT', 'KILL', 'TYPE', 'normal'),
      () => redis().send('CLIENT', 'KILL', 'TYPE', 'pubsub'),
    ]
    const done: number[] = []
    let isOver = false
    const harming = (async () => {
      while (!isOver) {
        const which = done.length < harm.length ? done.length : Math.floor(random() * harm.length)
        await harm[which]?.()
        done.push(which)
        await systemClock.sleep(random() * 400)
      }
    })()
    const reports = []
    const rounds = scaled(1)
    while (reports.length < rounds || done.length < harm.length)
      reports.push(await runModel({ subjects, random, operations: 2_500, clients: 32, keys: 6, writes: 0.05 }))
    isOver = true
    await harming
    for (const report of reports) {
      const { reads, writes, acknowledged, loads, violations } = report
      console.log(
        `seed ${seed}: ${violations} of ${reads} reads too old; ${acknowledged} of ${writes} acknowledged, ${loads} loads`,
      )
      expect(report).toMatchObject({ errors: [], violations: 0, mostAtOnce: 1 })
    }
    await waitUntil(() => caches.every((cache) => cache.stats().redis === 'up'), { what: 'all to be back' })
    const [first, ...others] = caches
    await first?.get('afterwards', () => 1)
    for (const cache of others) expect(await cache.get('afterwards', () => 2)).toBe(1)
  },
  scaled(90_000),
)
