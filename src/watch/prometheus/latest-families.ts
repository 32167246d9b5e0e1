// What was measured last, of every node, as families of samples; and of each probe whether it could be asked. What a node has
// no reading of any more has no sample: Prometheus then takes its series for gone, which it is. A share that there was too little of to
// tell is NaN, as Prometheus itself has a share of nothing: no comparison holds for it, and its series does not come and go.

import type { Latest, ProbeState, Series } from '../model/latest.ts'
import type { Family, Sample } from './exposition.ts'

/** Texts of statements by queryid, for the one family that carries them. */
export type StatementTexts = ReadonlyMap<string, string>

const mostTexts = 200
const longestText = 200

export function familiesOfLatest(
  latest: Pick<Latest, 'measured' | 'states'>,
  texts?: StatementTexts,
): readonly Family[] {
  const series = latest.measured()
  const byMetric = new Map<string, Series[]>()
  for (const one of series) {
    const known = byMetric.get(one.metric.name)
    if (known === undefined) byMetric.set(one.metric.name, [one])
    else known.push(one)
  }
  const measured = [...byMetric.values()].flatMap(familyOf)
  return [...measured, ...familiesOfProbes(latest.states()), ...familyOfTexts(series, texts)]
}

function familyOf(series: readonly Series[]): readonly Family[] {
  const [first] = series
  if (first === undefined) return []
  const { name, help, kind } = first.metric
  return [{ name, help, type: kind, samples: series.map(sampleOf) }]
}

function sampleOf({ node, metric, labels, value }: Series): Sample {
  return {
    labels: { node, ...Object.fromEntries(metric.labels.map((name, index) => [name, labels[index] ?? ''])) },
    value,
  }
}

function familiesOfProbes(states: readonly ProbeState[]): readonly Family[] {
  const asked = states.filter(({ unavailable }) => unavailable === undefined)
  return [
    {
      name: 'pgstrata_probe_up',
      help: 'Whether the probe was answered the last time: 1, or 0 where it failed or cannot be asked there.',
      type: 'gauge',
      samples: states.map(({ node, probe, unavailable, failure, atMs }) => ({
        labels: { node, probe },
        value: unavailable === undefined && failure === undefined && atMs !== undefined ? 1 : 0,
      })),
    },
    {
      name: 'pgstrata_probe_seconds',
      help: 'What the last answer of the probe took.',
      type: 'gauge',
      samples: asked.flatMap(({ node, probe, tookMs }) =>
        tookMs === undefined ? [] : [{ labels: { node, probe }, value: tookMs / 1_000 }],
      ),
    },
  ]
}

/** One info metric, and no text in any other: a text is a label that changes the series it stands in. */
function familyOfTexts(series: readonly Series[], texts: StatementTexts | undefined): readonly Family[] {
  if (texts === undefined) return []
  const named = new Set(
    series.flatMap(({ metric, labels }) => {
      const at = metric.labels.indexOf('queryid')
      return at < 0 ? [] : [labels[at] ?? '']
    }),
  )
  return [
    {
      name: 'pgstrata_statement_info',
      help: 'Texts of the statements that the other metrics name by queryid, without their constants; always 1.',
      type: 'gauge',
      samples: [...named].slice(0, mostTexts).flatMap((queryid) => {
        const text = texts.get(queryid)
        return text === undefined ? [] : [{ labels: { queryid, text: shorten(text) }, value: 1 }]
      }),
    },
  ]
}

function shorten(text: string): string {
  const line = text.replaceAll(/\s+/g, ' ').trim()
  // By code points: half of a surrogate pair would not be UTF-8.
  const points = Array.from(line)
  return points.length <= longestText ? line : `${points.slice(0, longestText - 1).join('')}…`
}
