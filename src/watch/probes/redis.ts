// How full the memory of Redis is, what it had an answer to, and what it had to forget.
// State: hits and misses of the reading before.

import type { RedisLink } from '../../redis/index.ts'
import type { ServerProbe } from '../model/server-probe.ts'
import { available, counter, gauge } from './metrics.ts'
import { createShares } from './shares.ts'

const leastLookups = 100
const staysFor = 3

export function createRedisProbe(link: Pick<RedisLink, 'start' | 'send'>): ServerProbe {
  const hits = createShares({ least: leastLookups, staysFor })
  return {
    name: 'redis',
    question: 'How full is Redis, and what does it have an answer to?',
    everyMs: 15_000,
    limitMs: 1_000,
    of: 'elsewhere',
    metrics: [
      gauge('pgstrata_redis_memory_bytes', 'Memory that Redis uses.'),
      gauge('pgstrata_redis_memory_ratio', 'The same as a share of maxmemory; only where that is set.'),
      gauge('pgstrata_redis_hit_ratio', 'Share of lookups that Redis had an answer to.'),
      counter('pgstrata_redis_evicted_total', 'Keys that Redis forgot because its memory was full.'),
    ],
    unavailable: available,
    read: async () => {
      await link.start()
      const info = readInfo(String(await link.send(['INFO'])))
      const number = (name: string): number => Number(info.get(name) ?? 0)
      const used = number('used_memory')
      const limit = number('maxmemory')
      const epoch = info.get('run_id') ?? ''
      const share = hits.of('', epoch, { part: number('keyspace_hits'), rest: number('keyspace_misses') })
      return {
        epoch,
        points: [
          { metric: 'pgstrata_redis_memory_bytes', labels: [], value: used },
          ...(limit > 0 ? [{ metric: 'pgstrata_redis_memory_ratio', labels: [], value: used / limit }] : []),
          { metric: 'pgstrata_redis_hit_ratio', labels: [], value: share ?? Number.NaN },
          { metric: 'pgstrata_redis_evicted_total', labels: [], value: number('evicted_keys') },
        ],
      }
    },
  }
}

function readInfo(text: string): ReadonlyMap<string, string> {
  return new Map(
    text.split(/\r?\n/).flatMap((line): [string, string][] => {
      const at = line.indexOf(':')
      return at < 1 ? [] : [[line.slice(0, at), line.slice(at + 1)]]
    }),
  )
}
