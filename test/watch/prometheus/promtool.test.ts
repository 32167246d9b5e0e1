// What promtool says of our text and of our rules, and how Prometheus reads the rules: raised, kept up behind `clear`, ended.

import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { systemClock } from '../../../src/base/clock.ts'
import {
  defaultRules,
  familiesOfLatest,
  formatExposition,
  Latest,
  listProbes,
  renderPrometheusRules,
  type Rule,
} from '../../../src/watch/index.ts'
import { promtool } from '../../support/prometheus.ts'
import { temporaryFolder } from '../../support/temporary-folder.ts'

test('it takes our text, and would not take a broken one', async () => {
  const text = formatExposition([
    {
      name: 'db_query_duration_seconds',
      help: 'Durations.',
      type: 'summary',
      samples: [
        { labels: { quantile: '0.5' }, value: Number.NaN },
        { suffix: '_sum', labels: {}, value: 1 },
        { suffix: '_count', labels: {}, value: 1 },
      ],
    },
    {
      name: 'pgstrata_table_size_bytes',
      help: 'Sizes of\nodd \\ tables.',
      type: 'gauge',
      samples: [{ labels: { node: 'primary', table: 'odd "\\ \n name {}=,' }, value: 1e21 }],
    },
  ])
  expect(await promtool(['check', 'metrics'], text)).toEqual([0, ''])
  expect((await promtool(['check', 'metrics'], text.replace('1e+21', 'one')))[0]).not.toBe(0)
})

const metrics = listProbes().flatMap((probe) => probe.metrics)

test('it takes every metric that is measured: what counts ends in _total, and units are base units', async () => {
  const latest = new Latest(systemClock)
  const atMs = systemClock.now()
  const state = { node: 'primary', atMs, everyMs: 1_000, tookMs: 1, unavailable: undefined, failure: undefined }
  for (const probe of listProbes())
    latest.note({
      state: { ...state, probe: probe.name, detail: undefined },
      series: probe.metrics.map((metric) => ({
        node: 'primary',
        metric,
        labels: metric.labels.map((name) => `a ${name}`),
        value: 1,
        perSecond: undefined,
        atMs,
      })),
    })
  const text = formatExposition(familiesOfLatest(latest, new Map([['a queryid', 'select $1']])))
  expect(text.match(/^# TYPE/gm)?.length).toBe(metrics.length + 3)
  expect(await promtool(['check', 'metrics'], text)).toEqual([0, ''])
})

test('no label of ours is one that a scrape, a summary or an alert has', () => {
  const theirs = new Set(['job', 'instance', 'le', 'quantile', 'alertname', 'alertstate', 'severity', 'group', 'node'])
  const taken = metrics.filter(({ labels }) =>
    labels.some((label) => theirs.has(label) || /^__|^exported_/.test(label)),
  )
  expect(taken.map(({ name }) => name)).toEqual([])
  expect(metrics.filter(({ name, kind }) => (kind === 'counter') !== name.endsWith('_total'))).toEqual([])
})

test('it takes the rules that pgstrata comes with, all of them', async () => {
  const rules = defaultRules()
  const file = join(await temporaryFolder(), 'rules.yml')
  await writeFile(file, renderPrometheusRules(rules))
  const [code, said] = await promtool(['check', 'rules', file])
  expect([code, said]).toEqual([0, expect.stringContaining(`SUCCESS: ${rules.length} rules found`)])
})

const rule: Rule = {
  name: 'Odd "name"',
  severity: 'critical',
  metric: 'pgstrata_table_dead_ratio',
  where: { schema: ['public', 'a.b'], node: 'primary' },
  over: 0.3,
  under: undefined,
  clear: 0.1,
  forMs: 60_000,
  keepMs: 120_000,
  actions: [],
  summary: '{value} of the rows of {schema}.{table} are dead, over {threshold}',
  group: 'vacuum',
}

test('an alert is raised after its time, stands until the value is behind `clear`, and then for as long as it is kept', async () => {
  const dir = await temporaryFolder()
  await writeFile(join(dir, 'rules.yml'), renderPrometheusRules([rule]))
  const series = (table: string, values: string, schema = 'public'): object => ({
    series: `pgstrata_table_dead_ratio{node="primary",schema="${schema}",table="${table}"}`,
    values,
  })
  const alert = (table: string, schema = 'public', value = '40%'): object => ({
    exp_labels: { severity: 'critical', group: 'vacuum', node: 'primary', schema, table },
    exp_annotations: { summary: `${value} of the rows of ${schema}.${table} are dead, over 30%` },
  })
  const at = (eval_time: string, ...exp_alerts: readonly object[]): object => ({
    eval_time,
    alertname: rule.name,
    exp_alerts,
  })
  const tests = {
    rule_files: ['rules.yml'],
    evaluation_interval: '1m',
    tests: [
      {
        interval: '1m',
        input_series: [
          // Up from the 1st minute to the 5th, above `clear` until the 8th, well from the 9th.
          series('plays', '0 0.4 0.4 0.4 0.4 0.2 0.2 0.2 0.2 0 0 0 0 0 0 0'),
          series('never', '0 0.2 0.2 0.2 0.2 0.2 0.2 0.2 0.2 0 0 0 0 0 0 0'),
          series('plays', '0.4x15', 'axb'),
          series('plays', '0.4x15', 'a.b'),
        ],
        alert_rule_test: [
          at('1m', alert('plays', 'a.b')),
          at('3m', alert('plays'), alert('plays', 'a.b')),
          at('8m', alert('plays', 'public', '20%'), alert('plays', 'a.b')),
          at('10m', alert('plays', 'public', '20%'), alert('plays', 'a.b')),
          at('13m', alert('plays', 'a.b')),
        ],
      },
    ],
  }
  await writeFile(join(dir, 'tests.json'), JSON.stringify(tests))
  expect(await promtool(['test', 'rules', join(dir, 'tests.json')])).toEqual([0, expect.stringContaining('SUCCESS')])
})
