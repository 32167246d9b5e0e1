// What a window of statements came to, in the words and units of the application's code.

import type { Windows } from '../calls/windows.ts'

export interface QueryStats {
  readonly count: number
  /** Milliseconds. Those by percentile are off by 4.5 % at most. */
  readonly avgDuration: number
  readonly p50Duration: number
  readonly p95Duration: number
  readonly p99Duration: number
  readonly maxDuration: number
  readonly errors: number
  /** From 0 to 1. */
  readonly errorRate: number
  /** A second. */
  readonly rate: number
  /** How far back it reaches: windows are made of slots of ten seconds, and go back to the beginning or ten minutes. */
  readonly windowMs: number
}

export function statsOf(windows: Windows | undefined, windowMs: number): QueryStats {
  if (windows === undefined) return nothing
  const { histogram, coveredMs } = windows.read(windowMs)
  const { count, failed } = histogram
  return {
    count,
    avgDuration: histogram.averageMs,
    p50Duration: histogram.quantileMs(0.5),
    p95Duration: histogram.quantileMs(0.95),
    p99Duration: histogram.quantileMs(0.99),
    maxDuration: histogram.maxMs,
    errors: failed,
    errorRate: count === 0 ? 0 : failed / count,
    rate: coveredMs === 0 ? 0 : (count * 1_000) / coveredMs,
    windowMs: coveredMs,
  }
}

const nothing: QueryStats = {
  count: 0,
  avgDuration: 0,
  p50Duration: 0,
  p95Duration: 0,
  p99Duration: 0,
  maxDuration: 0,
  errors: 0,
  errorRate: 0,
  rate: 0,
  windowMs: 0,
}
