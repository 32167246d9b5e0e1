// What applications say of their own pools and caches: each process adds it to pgstrata.watch_metric, where node is 'app'. The
// newest of each process is what is known of now; who has said nothing for a minute and a half is gone.
// State: what counters came to since we look, for their rows say what was added. A process that is new begins with 0, so that what it
// counted at first is seen as added by the next reading.

import { sql } from '../../sql/sql.ts'
import { labelsOf } from '../model/metric.ts'
import type { ServerProbe } from '../model/server-probe.ts'
import { available, counter, gauge } from './metrics.ts'

const most = 100
const byProcess = { labels: ['process'], most }
const silentMs = 90_000
const cacheRatio = 'pgstrata_cache_hit_ratio'

const metrics = [
  gauge('pgstrata_pool_used_ratio', 'Share of the connections of a pool that is in use.', byProcess),
  gauge('pgstrata_pool_waiting', 'Who waits for a connection of a pool.', byProcess),
  counter('pgstrata_pool_exhausted_total', 'How often a pool had no connection left for who asked.', byProcess),
  gauge(cacheRatio, 'Share of lookups that the cache had an answer to.', byProcess),
]

interface Row {
  readonly metric: string
  readonly labels: string
  readonly value: number
  readonly atMs: number
}

export function createApplicationsProbe(): ServerProbe {
  const counted = new Map<string, { total: number; untilMs: number }>()
  const isCounter = (metric: string): boolean => metric.endsWith('_total')
  return {
    name: 'applications',
    question: 'How are the pools and caches of applications?',
    everyMs: 15_000,
    limitMs: 2_000,
    of: 'elsewhere',
    metrics,
    unavailable: available,
    read: async ({ on }) => {
      const { rows } = await on.query<Row>(sql`
        select metric, labels, value, extract(epoch from at)::float8 * 1000 as "atMs"
        from pgstrata.watch_metric
        where at > now() - ${silentMs} * interval '1 ms'
          and node = 'app'
          and metric = any (${metrics.map(({ name }) => name)})
        order by at
        limit 100000`)
      const newest = new Map<string, Row>()
      const known = new Set(counted.keys())
      for (const row of rows) {
        const key = `${row.metric} ${row.labels}`
        newest.set(key, row)
        if (!isCounter(row.metric)) continue
        const before = counted.get(key) ?? { total: 0, untilMs: 0 }
        if (row.atMs > before.untilMs) counted.set(key, { total: before.total + row.value, untilMs: row.atMs })
      }
      for (const key of counted.keys()) if (!newest.has(key)) counted.delete(key)
      const processes = new Set([...newest.values()].map(({ labels }) => labels))
      return {
        points: [
          ...[...newest].map(([key, { metric, labels, value }]) => ({
            metric,
            labels: labelsOf(labels),
            value: isCounter(metric) ? (known.has(key) ? (counted.get(key)?.total ?? 0) : 0) : value,
          })),
          // Too few lookups to tell, or no cache.
          ...[...processes]
            .filter((labels) => !newest.has(`${cacheRatio} ${labels}`))
            .map((labels) => ({ metric: cacheRatio, labels: labelsOf(labels), value: Number.NaN })),
        ],
      }
    },
  }
}
