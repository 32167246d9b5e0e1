// Readings of a minute, made one row a series: of gauges their mean, of counters what was added. What added nothing has no row.
// State: the minute that is not over, of every series that was seen in it. Bounded by the series that probes may have.

import { seriesOf, type Metric } from '../model/metric.ts'
import type { Taken } from '../sampler/taken.ts'

export const minuteMs = 60_000

export interface MetricRow {
  readonly atMs: number
  readonly node: string
  readonly metric: string
  readonly labels: string
  readonly value: number
}

interface Open {
  readonly atMs: number
  readonly node: string
  readonly metric: Metric
  readonly labels: string
  sum: number
  readings: number
}

export interface Minutes {
  add(taken: Taken): void
  /** Those that are over by then; all of them on request. */
  close(nowMs: number, which?: 'over' | 'all'): readonly MetricRow[]
}

export function createMinutes(): Minutes {
  let open = new Map<string, Open>()
  return {
    add: ({ reading, series, elapsedSeconds }) => {
      if (reading === undefined) return
      for (const { node, metric, labels, value, perSecond, atMs } of series) {
        const isCounter = metric.kind === 'counter'
        const added = isCounter ? (perSecond ?? 0) * (elapsedSeconds ?? 0) : value
        if ((isCounter && added === 0) || Number.isNaN(added)) continue
        const minute = Math.floor(atMs / minuteMs) * minuteMs
        const text = seriesOf(labels)
        const key = `${minute} ${node} ${metric.name} ${text}`
        const one = open.get(key) ?? { atMs: minute, node, metric, labels: text, sum: 0, readings: 0 }
        one.sum += added
        one.readings++
        open.set(key, one)
      }
    },
    close: (nowMs, which = 'over') => {
      const isOver = ({ atMs }: Open): boolean => which === 'all' || atMs + minuteMs <= nowMs
      const closed = [...open.values()].filter(isOver)
      open = new Map([...open].filter(([, one]) => !isOver(one)))
      return closed.map(({ atMs, node, metric, labels, sum, readings }) => ({
        atMs,
        node,
        metric: metric.name,
        labels,
        value: metric.kind === 'counter' ? sum : sum / readings,
      }))
    },
  }
}
