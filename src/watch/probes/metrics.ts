// How probes say what they measure, in few words.

import type { Metric } from '../model/metric.ts'

interface Labelled {
  readonly labels: readonly string[]
  /** Series a node may have. */
  readonly most: number
}

const alone: Labelled = { labels: [], most: 1 }

export function gauge(name: string, help: string, { labels, most }: Labelled = alone): Metric {
  return { name, help, kind: 'gauge', labels, most }
}

export function counter(name: string, help: string, { labels, most }: Labelled = alone): Metric {
  return { name, help, kind: 'counter', labels, most }
}

export const available = (): undefined => undefined

/** Of probes that look at what others run. */
export function needsMonitor({ seesAll }: { readonly seesAll: boolean }): string | undefined {
  return seesAll
    ? undefined
    : 'not available because the role may not see what others run: grant pg_monitor to it, as in docs/roles.md'
}
