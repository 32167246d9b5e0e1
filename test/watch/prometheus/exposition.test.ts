// Samples as text: in one order, escaped.

import { expect, test } from 'vitest'
import { systemClock } from '../../../src/base/clock.ts'
import { familiesOfLatest, formatExposition, Latest, type Family } from '../../../src/watch/index.ts'

const gauge = (name: string, samples: Family['samples']): Family => ({
  name,
  help: 'Of the test.',
  type: 'gauge',
  samples,
})

test('families are in order, each with its help and type once, and no series comes twice', () => {
  const text = formatExposition([
    gauge('b', [
      { labels: { x: '2' }, value: 2 },
      { labels: { x: '1' }, value: 1 },
    ]),
    gauge('c', []),
    gauge('a', [{ labels: {}, value: 0.5 }]),
    gauge('b', [
      { labels: { x: '1' }, value: 7 },
      { labels: { x: '3' }, value: 3 },
    ]),
  ])
  expect(text).toBe(`# HELP a Of the test.
# TYPE a gauge
a 0.5
# HELP b Of the test.
# TYPE b gauge
b{x="1"} 1
b{x="2"} 2
b{x="3"} 3
`)
})

test('names and texts of any kind are escaped, and numbers that are none are written as Prometheus reads them', () => {
  const text = formatExposition([
    { ...gauge('a', [{ labels: { x: 'back\\slash "quoted"\nline' }, value: Number.NaN }]), help: 'a \\ and\na line' },
    gauge('b', [{ labels: {}, value: Infinity }]),
    gauge('c', [{ labels: {}, value: -Infinity }]),
    gauge('d', [{ labels: {}, value: 1e21 }]),
  ])
  expect(text).toContain('# HELP a a \\\\ and\\na line\n')
  expect(text).toContain('a{x="back\\\\slash \\"quoted\\"\\nline"} NaN\n')
  expect(text).toMatch(/^b \+Inf$/m)
  expect(text).toMatch(/^c -Inf$/m)
  expect(text).toMatch(/^d 1e\+21$/m)
})

function latest(labels: readonly string[]): Latest {
  const made = new Latest(systemClock)
  const atMs = systemClock.now()
  const metric = {
    name: 'pgstrata_statement_calls_total',
    help: 'Calls.',
    kind: 'counter',
    labels: ['queryid'],
    most: 10,
  } as const
  made.note({
    state: {
      node: 'primary',
      probe: 'statements',
      atMs,
      everyMs: 15_000,
      tookMs: 2,
      unavailable: undefined,
      failure: undefined,
      detail: undefined,
    },
    series: labels.map((label) => ({ node: 'primary', metric, labels: [label], value: 1, perSecond: 1, atMs })),
  })
  made.note({
    state: {
      node: 'primary',
      probe: 'disk',
      atMs: undefined,
      everyMs: 15_000,
      tookMs: undefined,
      unavailable: 'not available because …',
      failure: undefined,
      detail: undefined,
    },
    series: [],
  })
  return made
}

test('what was measured has its node first; texts are in one family alone, short, and of nothing else', () => {
  const texts = new Map([
    ['1', `select  1\n\t${'x'.repeat(300)}`],
    ['3', 'of nobody'],
  ])
  const text = formatExposition(familiesOfLatest(latest(['2', '1']), texts))
  expect(text).toContain('# TYPE pgstrata_statement_calls_total counter\n')
  expect(text).toContain('pgstrata_statement_calls_total{node="primary",queryid="1"} 1\n')
  expect(text).toContain('pgstrata_probe_up{node="primary",probe="disk"} 0\n')
  expect(text).toContain('pgstrata_probe_up{node="primary",probe="statements"} 1\n')
  const infos = text.split('\n').filter((line) => line.startsWith('pgstrata_statement_info{'))
  expect(infos).toEqual([`pgstrata_statement_info{queryid="1",text="select 1 ${'x'.repeat(190)}…"} 1`])
})

test('the same readings are the same text, in whatever order they came', () => {
  expect(formatExposition(familiesOfLatest(latest(['2', '1'])))).toBe(
    formatExposition(familiesOfLatest(latest(['1', '2']))),
  )
})
