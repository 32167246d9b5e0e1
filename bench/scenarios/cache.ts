// The cache: a hit in the process, a hit in Redis and a miss, beside bentocache on the same Redis; and what of the requests of
// an application reaches the database, with the lifetimes that such applications are planned with.

import { startCluster, type EmbeddedCluster } from 'pgstrata/embedded'
import { measureRounds } from '../harness/rounds.ts'
import type { BenchContext, Scenario, ScenarioResult } from '../harness/scenario.ts'
import { startRedisServer, type RedisServer } from '../support/redis-server.ts'
import { withClient } from '../support/with-client.ts'
import { layersVariant } from './cache/layers.ts'
import { createCachedRows, runCacheLoad } from './cache/load.ts'
import { figuresOf } from '../harness/part.ts'

const sizes = {
  full: { rounds: 9, keys: 2_000, localHits: 100_000, misses: 1_000, loads: 2, users: 10_000, requests: 36_000 },
  quick: { rounds: 3, keys: 1_000, localHits: 100_000, misses: 500, loads: 1, users: 10_000, requests: 6_000 },
}
/** Ten a second, in a minute that stands for an hour. */
const perSecond = 600

export const cacheScenario: Scenario = {
  name: 'cache',
  title: 'The cache',
  against: 'bentocache',
  // An hour in a minute, twice.
  fewestRounds: 1,
  goals: {
    l1_hit_us: { atMost: 3 },
    l2_hit_ms: { atMost: 10 },
    l1_vs_bentocache: { atLeast: 1.5 },
    l2_vs_bentocache: { atLeast: 1 },
    hit_rate: { atLeast: 0.72 },
    redis_mb: { atMost: 100 },
  },
  run: async (context) => {
    const redis = await startRedisServer()
    try {
      const cluster = await startCluster({ signal: context.signal })
      try {
        return await measure(cluster, redis, context)
      } finally {
        await cluster.stop()
      }
    } finally {
      await redis.close()
    }
  },
}

async function measure(cluster: EmbeddedCluster, redis: RedisServer, context: BenchContext): Promise<ScenarioResult> {
  const { signal, progress, quick } = context
  const { rounds, loads, users, requests, ...counts } = quick ? sizes.quick : sizes.full
  const url = await cluster.createDatabase('cached')
  await withClient(url, createCachedRows)
  const layers = [layersVariant(redis, counts)]
  await measureRounds(layers, { rounds: 1, signal, progress: (line) => progress(`warm-up, ${line}`) })
  const load = { url, redis, users, requests, perSecond, signal }
  const samples = new Map([
    ...(await measureRounds(layers, { rounds, signal, progress })),
    ...(await measureRounds([{ name: 'load', run: () => runCacheLoad(load) }], { rounds: loads, signal, progress })),
  ])
  const named = new Map([...samples].map(([name, values]) => [name.replace(/^ours_/, ''), values]))
  return {
    postgres: cluster.version,
    figures: figuresOf(named, {
      l1_hit_us: ['us', "a hit among the process's own copies"],
      bento_l1_hit_us: ['us', "a hit among the process's own copies, bentocache"],
      l2_hit_ms: ['ms', 'a hit in Redis'],
      bento_l2_hit_ms: ['ms', 'a hit in Redis, bentocache'],
      miss_ms: ['ms', 'a miss, without what its load takes'],
      bento_miss_ms: ['ms', 'a miss, bentocache'],
      hit_rate: ['count', 'share of reads that are answered without waiting for a load'],
      db_load_percent: ['percent', 'statements that reach the database, of those without a cache'],
      redis_mb: ['count', 'memory of Redis, in MB'],
    }),
    comparisons: {
      l1_vs_bentocache: { title: 'a hit in the process', ours: 'l1_hit_us', theirs: 'bento_l1_hit_us' },
      l2_vs_bentocache: { title: 'a hit in Redis', ours: 'l2_hit_ms', theirs: 'bento_l2_hit_ms' },
      miss_vs_bentocache: { title: 'a miss, without its load', ours: 'miss_ms', theirs: 'bento_miss_ms' },
    },
    notes: [
      'Redis, servers and clients share the cores, over loopback; one call at a time. A miss of ours takes a lease and checks it when it stores, which is what keeps older values out.',
      `${users.toLocaleString('en-US')} users by Zipf's law, ten requests a second of three to four reads each, over an hour run in a minute: lifetimes are a sixtieth, so copies are asked for as often within theirs. Lifetimes of 30 s (balances) to an hour (sessions).`,
    ],
  }
}
