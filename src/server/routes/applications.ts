// All applications together, out of what was measured last and what they stored: a server of its own runs no statement of theirs.

import type { Series } from '../../watch/index.ts'
import type { Applications } from '../contract/applications.ts'
import type { ApplicationCalls } from '../contract/calls.ts'
import type { RouteTools } from '../route.ts'
import type { WatchSource } from '../sources.ts'
import { readNow, type Parts } from './readings.ts'

/** Null without `watch`, and where it is missing. */
export async function readApplications(
  parts: Parts,
  { sources: { watch }, shared }: Pick<RouteTools, 'sources' | 'shared'>,
): Promise<Applications | null> {
  if (watch === undefined) return null
  const now = await parts.read('what is measured', () => readNow(watch, { shared }), undefined)
  if (now === undefined) return null
  const series = now.series()
  const shapes = labelsOf(series, 'pgstrata_call_p95_seconds')
  const read = (): Promise<ReadonlyMap<string, string>> => watch.store.shapes(shapes)
  const texts = await parts.read('texts', () => shared.ask(`shapes ${JSON.stringify(shapes)}`, read), new Map())
  return applicationsOf(series, { shapes, texts })
}

interface Named {
  readonly shapes: readonly string[]
  readonly texts: ReadonlyMap<string, string>
}

function applicationsOf(series: readonly Series[], { shapes, texts }: Named): Applications {
  const valueOf = (metric: string, label?: string): number | null =>
    series.find((one) => one.metric.name === metric && (label === undefined || one.labels[0] === label))?.value ?? null
  const msOf = (metric: string, label: string): number | null => {
    const seconds = valueOf(metric, label)
    return seconds === null ? null : seconds * 1_000
  }
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

/** Null without `watch`, and where it is missing. */
export async function readCalls(
  parts: Parts,
  { sources: { watch }, shared }: Pick<RouteTools, 'sources' | 'shared'>,
  asked: Parameters<WatchSource['store']['calls']>[0],
): Promise<ApplicationCalls | null> {
  if (watch === undefined) return null
  const read = (): Promise<ApplicationCalls> => watch.store.calls(asked)
  return await parts.read('calls of all processes', () => shared.ask(`calls ${JSON.stringify(asked)}`, read), null)
}
