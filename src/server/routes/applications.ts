// All applications together, out of what was measured last: a server of its own runs no statement of theirs.

import type { Series } from '../../watch/index.ts'
import type { Applications } from '../contract/applications.ts'
import type { WatchSource } from '../sources.ts'

export async function readApplications(watch: WatchSource, series: readonly Series[]): Promise<Applications> {
  const valueOf = (metric: string, label?: string): number | null =>
    series.find((one) => one.metric.name === metric && (label === undefined || one.labels[0] === label))?.value ?? null
  const msOf = (metric: string, label: string): number | null => {
    const seconds = valueOf(metric, label)
    return seconds === null ? null : seconds * 1_000
  }
  const shapes = labelsOf(series, 'pgstrata_call_p95_seconds')
  const texts = await watch.store.shapes(shapes)
  return {
    callsPerSecond: valueOf('pgstrata_calls_per_second'),
    errorRatio: valueOf('pgstrata_calls_error_ratio'),
    shapes: shapes.map((shape) => ({
      shape,
      text: texts.get(shape) ?? null,
      p95Ms: msOf('pgstrata_call_p95_seconds', shape),
      p99Ms: msOf('pgstrata_call_p99_seconds', shape),
      maxMs: msOf('pgstrata_call_max_seconds', shape),
      errorRatio: valueOf('pgstrata_call_error_ratio', shape),
    })),
    processes: labelsOf(series, 'pgstrata_pool_used_ratio').map((process) => ({
      process,
      poolUsedRatio: valueOf('pgstrata_pool_used_ratio', process),
      poolWaiting: valueOf('pgstrata_pool_waiting', process),
      cacheHitRatio: valueOf('pgstrata_cache_hit_ratio', process),
    })),
  }
}

function labelsOf(series: readonly Series[], metric: string): readonly string[] {
  return [...new Set(series.filter((one) => one.metric.name === metric).flatMap(({ labels }) => labels[0] ?? []))]
}
