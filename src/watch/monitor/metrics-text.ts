// What a process measured, as the text that Prometheus reads: the three names of the usual panels, and what belongs to them.
// Bounded: no series by statement; a dozen of the process.

import type { CallRecorder } from '../calls/recorder.ts'
import { formatExposition, type Family } from '../prometheus/exposition.ts'
import type { PoolStats } from './pool-state.ts'

export interface Measured {
  readonly recorder: CallRecorder
  readonly pool: PoolStats
  /** Per cent; null or undefined: not known. */
  readonly cacheHitRatio: number | null | undefined
  readonly slowQueries: number
  readonly slowQueriesDropped: number
  readonly windowMs: number
}

export function formatMeasured({
  recorder,
  pool,
  cacheHitRatio,
  slowQueries,
  slowQueriesDropped,
  windowMs,
}: Measured): string {
  const { total } = recorder
  const { histogram } = recorder.windows.read(windowMs)
  const families: Family[] = [
    {
      name: 'db_query_duration_seconds',
      help: 'Durations of statements as this process saw them: quantiles of the last minute, sum and count of all.',
      type: 'summary',
      samples: [
        ...[0.5, 0.95, 0.99].map((quantile) => ({
          labels: { quantile: String(quantile) },
          value: histogram.count === 0 ? Number.NaN : histogram.quantileMs(quantile) / 1_000,
        })),
        { suffix: '_sum', labels: {}, value: total.sumUs / 1_000_000 },
        { suffix: '_count', labels: {}, value: total.count },
      ],
    },
    counter('db_query_errors_total', 'Statements that failed.', total.failed),
    counter('db_slow_queries_total', 'Statements that took longer than the threshold.', slowQueries),
    counter(
      'db_slow_queries_dropped_total',
      'Of those, too many at once to tell of each by an event.',
      slowQueriesDropped,
    ),
    {
      name: 'db_pool_connections',
      help: 'Connections of the pool by state; waiting are requests that wait for one, max is the limit.',
      type: 'gauge',
      samples: (['total', 'idle', 'active', 'waiting', 'max'] as const).map((state) => ({
        labels: { state },
        value: pool[state],
      })),
    },
    gauge('db_pool_utilization_ratio', 'Share of the pool in use.', pool.utilization / 100),
  ]
  if (typeof cacheHitRatio === 'number') {
    families.push(
      gauge(
        'db_cache_hit_ratio',
        'Share of blocks that were in shared buffers, of this database.',
        cacheHitRatio / 100,
      ),
    )
  }
  return formatExposition(families)
}

function counter(name: string, help: string, value: number): Family {
  return { name, help, type: 'counter', samples: [{ labels: {}, value }] }
}

function gauge(name: string, help: string, value: number): Family {
  return { name, help, type: 'gauge', samples: [{ labels: {}, value }] }
}
