// Points of what has one name: a rollup, a view, a table, a job. What is not known has none.

import type { Point } from '../model/metric.ts'

export const mostNamed = 100

export function pointOf(metric: string, name: string, value: number | null): readonly Point[] {
  return value === null ? [] : [{ metric, labels: [name], value }]
}

export function inSeconds(durationMs: number | null): number | null {
  return durationMs === null ? null : durationMs / 1_000
}
