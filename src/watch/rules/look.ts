// What rules see of now: the newest readings, by metric. A series that is not there where its probe was answered is gone, and a share of
// too little (NaN) is quiet; where the probe was not answered, nothing is known.

import type { Latest, ProbeState, Series } from '../model/latest.ts'
import type { Metric } from '../model/metric.ts'
import { seriesOf } from '../model/metric.ts'
import type { Rule } from '../model/rule.ts'
import type { Observation } from './step.ts'

/** Which metrics a probe reads. */
export interface MeasuredBy {
  readonly probe: string
  readonly metrics: readonly Pick<Metric, 'name'>[]
}

export interface SeenSeries {
  readonly node: string
  readonly series: string
  readonly labels: Readonly<Record<string, string>>
  /** undefined: a counter that was read once. */
  readonly value: number | undefined
}

export interface Look {
  /** Those that a rule is about. */
  seriesFor(rule: Rule): readonly SeenSeries[]
  /** Of a series that an alert is about. */
  observe(rule: Rule, node: string, series: string): Observation
  /** What else the probe told, for evidence. */
  detail(rule: Rule, node: string): unknown
}

export function lookAt(latest: Latest, measured: readonly MeasuredBy[], nowMs: number): Look {
  const probes = new Map(measured.flatMap(({ probe, metrics }) => metrics.map(({ name }) => [name, probe] as const)))
  const byMetric = new Map<string, Series[]>()
  for (const one of latest.measured()) {
    const others = byMetric.get(one.metric.name)
    if (others === undefined) byMetric.set(one.metric.name, [one])
    else others.push(one)
  }
  const answered = new Set(
    latest
      .states()
      .filter((state) => isAnswered(state, nowMs))
      .map(({ node, probe }) => keyOf(probe, node)),
  )
  return {
    seriesFor: (rule) => (byMetric.get(rule.metric) ?? []).filter((one) => fits(rule, one)).map(toSeen),
    observe: (rule, node, series) => {
      const found = byMetric.get(rule.metric)?.find((one) => one.node === node && seriesOf(one.labels) === series)
      const value = found === undefined ? undefined : valueOf(found)
      const isQuiet = value !== undefined && Number.isNaN(value)
      if (value !== undefined && !isQuiet) return { kind: 'value', value }
      const probe = probes.get(rule.metric)
      if (probe === undefined || !answered.has(keyOf(probe, node))) return { kind: 'unknown' }
      return { kind: isQuiet ? 'quiet' : found === undefined ? 'gone' : 'unknown' }
    },
    detail: (rule, node) => {
      const probe = probes.get(rule.metric)
      return probe === undefined ? undefined : latest.detail(node, probe)
    },
  }
}

function toSeen(one: Series): SeenSeries {
  return {
    node: one.node,
    series: seriesOf(one.labels),
    labels: namedLabels(one.metric.labels, one.labels),
    value: valueOf(one),
  }
}

function valueOf({ metric, value, perSecond }: Series): number | undefined {
  return metric.kind === 'counter' ? perSecond : value
}

export function namedLabels(names: readonly string[], values: readonly string[]): Readonly<Record<string, string>> {
  return Object.fromEntries(names.map((name, index) => [name, values[index] ?? '']))
}

function fits(rule: Rule, { node, metric, labels }: Series): boolean {
  return fitsLabels(rule, node, namedLabels(metric.labels, labels))
}

export function fitsLabels(
  { where }: Pick<Rule, 'where'>,
  node: string,
  labels: Readonly<Record<string, string>>,
): boolean {
  return Object.entries(where).every(([name, wanted]) => {
    const found = name === 'node' ? node : (labels[name] ?? '')
    return typeof wanted === 'string' ? found === wanted : wanted.includes(found)
  })
}

/** Lately, and not in vain. */
function isAnswered({ atMs, everyMs, failure, unavailable }: ProbeState, nowMs: number): boolean {
  return failure === undefined && unavailable === undefined && atMs !== undefined && nowMs - atMs <= 3 * everyMs + 5_000
}

function keyOf(probe: string, node: string): string {
  return JSON.stringify([probe, node])
}
