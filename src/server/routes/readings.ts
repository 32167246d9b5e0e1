// What several routes say in the same way: the pool, the cache, nodes, what was measured last.

import type { NodeReport } from '../../db/node-facts.ts'
import type { Now, Series } from '../../watch/index.ts'
import type { CacheNamespace, CacheStatistics, NodeState, PoolNode } from '../contract/database.ts'
import { knownError } from '../errors.ts'
import type { RouteTools } from '../route.ts'
import type { Sources, WatchSource } from '../sources.ts'

/** What was measured last, the same in every process: where another one measures, as it has stored it. */
export function readNow(watch: WatchSource, { shared }: Pick<RouteTools, 'shared'>): Promise<Now> {
  return shared.ask('now', () => watch.now())
}

/** What an answer is made of where a part cannot be read: the rest, and a list of what is missing. */
export class Parts {
  readonly missing: string[] = []

  async read<T, E>(what: string, work: () => Promise<T>, instead: E): Promise<T | E> {
    try {
      return await work()
    } catch (given) {
      const error = knownError(given)
      if (error === undefined) throw given
      this.missing.push(`${what} (${error.code})`)
      return instead
    }
  }

  /** Nothing without `watch`. */
  async series({ sources: { watch }, shared }: Pick<RouteTools, 'sources' | 'shared'>): Promise<readonly Series[]> {
    if (watch === undefined) return []
    const now = await this.read('what is measured', () => readNow(watch, { shared }), undefined)
    return now?.series() ?? []
  }
}

export function poolOf({ pool }: Pick<Sources, 'pool'>): readonly PoolNode[] {
  return pool.stats().map(({ node, max, total, idle, active, waiting, utilization, waits }) => ({
    node,
    max,
    total,
    idle,
    active,
    waiting,
    utilization,
    waits: {
      count: waits.count,
      timedOut: waits.timedOut,
      refused: waits.refused,
      p50Ms: waits.p50Ms,
      p95Ms: waits.p95Ms,
    },
  }))
}

/** `series`: what was measured last; none without `watch`. */
export function cacheStatisticsOf({ cache }: Pick<Sources, 'cache'>, series: readonly Series[]): CacheStatistics {
  const { redis, bytes, namespaces } = cache.stats()
  const counted = Object.entries(namespaces).map(([name, stats]): readonly [string, CacheNamespace] => {
    const hits = stats.localHits + stats.sharedHits
    const { misses, loads, loadFailures, entries } = stats
    return [
      name,
      { hits, misses, hitRatio: ratio(hits, hits + misses), loads, loadFailures, entries, bytes: stats.bytes },
    ]
  })
  const hits = counted.reduce((sum, [, one]) => sum + one.hits, 0)
  const asked = counted.reduce((sum, [, one]) => sum + one.hits + one.misses, 0)
  return {
    redis,
    bytes,
    hitRatio: ratio(hits, asked),
    namespaces: Object.fromEntries(counted),
    bufferHitRatio:
      series.find(({ node, metric }) => node === 'primary' && metric.name === 'pgstrata_buffer_hit_ratio')?.value ??
      null,
  }
}

function ratio(part: number, whole: number): number | null {
  return whole === 0 ? null : part / whole
}

export function nodeStateOf({ node, role, timeline, position, lagMs, error }: NodeReport): NodeState {
  // Why it failed can name an address; who may look may know that.
  return { node, role, timeline, position, lagMs, error: error ?? null }
}

/** By the names of its labels. */
export function namedLabels({ metric, labels }: Pick<Series, 'metric' | 'labels'>): Readonly<Record<string, string>> {
  return Object.fromEntries(metric.labels.map((name, index) => [name, labels[index] ?? '']))
}

export function isoOf(date: Date | null | undefined): string | null {
  return date === null || date === undefined ? null : date.toISOString()
}
