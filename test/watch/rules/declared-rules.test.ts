// Rules as a configuration has them: those that there are, changed, switched off, further ones; and every mistake with its place.

import { describe, expect, test } from 'vitest'
import { systemClock } from '../../../src/base/clock.ts'
import { defineConfig, resolveConfig, type ResolvedConfig } from '../../../src/config/index.ts'
import { isStrataError } from '../../../src/base/errors.ts'
import {
  createApplicationsProbe,
  createCallsProbe,
  createExpectedIndexProbe,
  createPgBouncerProbe,
  createRedisProbe,
  createServerProbes,
  createBackupProbe,
  createTiersProbe,
  createUpkeepProbes,
  type Rule,
} from '../../../src/watch/index.ts'
import { defaultRules } from '../../../src/watch/rules/defaults/defaults.ts'
import { describeAlert, placeholders, placeholdersIn } from '../../../src/watch/rules/describe.ts'
import { knownMetrics } from '../../../src/watch/rules/known-metrics.ts'
import { builtInActions } from '../../../src/watch/rules/options.ts'
import { formatValue } from '../../../src/watch/rules/values.ts'

const database = { primary: 'postgres://app@localhost/app' }
const resolve = (written: object): ResolvedConfig =>
  resolveConfig({ database, watch: {}, ...written }, { root: '/', name: 'pgstrata.config.ts' })

function rulesOf(written: object): ReadonlyMap<string, Rule> {
  return new Map(resolve(written).alerts.rules.map((rule) => [rule.name, rule]))
}

function mistakesOf(alerts: object, more: object = {}): readonly string[] {
  try {
    resolve({ alerts, ...more })
  } catch (error) {
    if (!isStrataError(error, 'CONFIG_INVALID')) throw error
    const issues = error.details['issues'] as readonly { readonly path: string; readonly text: string }[]
    return issues.map(({ path, text }) => `${path}: ${text}`)
  }
  return []
}

test('rules know every metric that probes declare, and no other', () => {
  const nobody = (): Promise<[]> => Promise.resolve([])
  const probes = [
    ...createServerProbes({ clock: systemClock, cores: undefined, asksReplicas: true }),
    createBackupProbe(undefined as never),
    createTiersProbe({ tiers: nobody, archives: undefined as never }),
    ...createUpkeepProbes({ rollups: nobody, views: nobody, partitions: nobody, jobs: nobody }),
    createCallsProbe(),
    createApplicationsProbe(),
    createExpectedIndexProbe([]),
    createPgBouncerProbe(undefined as never),
    createRedisProbe(undefined as never),
  ]
  const declared = probes.flatMap(({ metrics }) => metrics.map(({ name, labels }) => [name, labels] as const))
  expect(knownMetrics).toEqual(Object.fromEntries(declared))
})

describe('the rules that there are', () => {
  test.each(defaultRules())('$name is about something that is measured, and says what', (rule) => {
    const labels = knownMetrics[rule.metric]
    expect(labels, rule.metric).toBeDefined()
    expect(Object.keys(rule.where).filter((label) => labels?.includes(label) !== true)).toEqual([])
    expect([rule.over, rule.under].filter((threshold) => threshold !== undefined)).toHaveLength(1)
    if (rule.over !== undefined) expect(rule.clear).toBeLessThanOrEqual(rule.over)
    if (rule.under !== undefined) expect(rule.clear).toBeGreaterThanOrEqual(rule.under)
    if (rule.metric.endsWith('_ratio')) expect(rule.clear).toBeLessThanOrEqual(1)
    expect(rule.actions.filter((name) => !builtInActions.some((known) => known === name))).toEqual([])
    const known = new Set([...(labels ?? []), ...placeholders])
    expect(placeholdersIn(rule.summary).filter((word) => !known.has(word))).toEqual([])
    expect(rule.keepMs).toBeGreaterThan(0)
  })

  test('have the thresholds that are promised', () => {
    const rules = rulesOf({ jobs: { own: { payout: { every: '1 hour', sql: 'select 1' } } } })
    const said = (name: string): string => {
      const { metric, over, under, severity, actions } = rules.get(name) ?? ({} as Rule)
      const threshold =
        over === undefined ? `< ${formatValue(metric, under ?? Number.NaN)}` : `> ${formatValue(metric, over)}`
      return [metric, threshold, severity, ...actions].join(' ')
    }
    expect(said('QueryNoticeable')).toBe('pgstrata_call_p95_seconds > 50 ms info')
    expect(said('QuerySlow')).toBe('pgstrata_call_p95_seconds > 100 ms warning')
    expect(said('QueryVerySlow')).toBe('pgstrata_call_max_seconds > 2 s warning')
    expect(said('SlowQueryDetected')).toBe('pgstrata_call_max_seconds > 5 s critical log_and_alert')
    expect(said('ErrorRateHigh')).toBe('pgstrata_calls_error_ratio > 10% critical')
    expect(said('CacheHitRatioLow')).toBe('pgstrata_cache_hit_ratio < 60% warning')
    expect(said('BufferHitRatioLow')).toBe('pgstrata_buffer_hit_ratio < 90% warning')
    expect(said('IndexScanEfficiency')).toBe('pgstrata_index_hit_ratio < 95% warning analyze_missing_indexes')
    expect(said('HighConnectionCount')).toBe('pgstrata_connections > 80 warning scale_read_replicas')
    expect(said('ConnectionsHigh')).toBe('pgstrata_connections_used_ratio > 80% warning')
    expect(said('PoolWaiting')).toBe('pgstrata_pool_waiting > 5 warning')
    expect(said('PoolExhausted')).toBe('pgstrata_pool_exhausted_total > 0 a second critical')
    expect(said('ReplicaLagging')).toBe('pgstrata_replica_lag_seconds > 50 ms info')
    expect(said('ReplicationLag')).toBe('pgstrata_replica_lag_seconds > 1 s warning investigate_replication')
    expect(said('ViewStale')).toBe('pgstrata_view_age_seconds > 1 h warning')
    expect(said('JobSlow')).toBe('pgstrata_job_seconds > 2 s warning')
    expect(said('CpuHigh')).toBe('pgstrata_cpu_used_ratio > 70% warning')
    expect(said('UnusedIndex')).toBe('pgstrata_unused_index_bytes > 10 MB info')
    expect(said('ExpectedIndexUnused')).toBe('pgstrata_expected_index_used < 1 warning')
  })

  test('about jobs concerns those of the configuration alone', () => {
    expect(rulesOf({}).has('JobSlow')).toBe(false)
    const own = { payout: { every: '1 hour', sql: 'select 1' } }
    expect(rulesOf({ jobs: { own } }).get('JobSlow')?.where).toEqual({ job_name: ['payout'] })
  })
})

describe('a configuration', () => {
  test('changes, switches off and adds rules', () => {
    const rules = rulesOf({
      alerts: {
        actions: { oncall: { webhook: 'https://alerts.example/hook' }, channel: { notify: 'alarm' } },
        tell: { critical: ['oncall'] },
        rules: {
          UnusedIndex: false,
          QuerySlow: { over: '200ms' },
          CacheHitRatioLow: { under: '50%', clear: 0.7 },
          Backlog: {
            metric: 'pgstrata_rollup_pending_rows',
            where: { rollup: ['plays', 'likes'] },
            over: 1e6,
            for: '2 min',
            severity: 'critical',
          },
        },
      },
    })
    expect(rules.has('UnusedIndex')).toBe(false)
    expect(rules.get('QuerySlow')).toMatchObject({ over: 0.2, clear: 0.18, forMs: 300_000, group: 'queries' })
    expect(rules.get('CacheHitRatioLow')).toMatchObject({ under: 0.5, clear: 0.7 })
    expect(rules.get('Backlog')).toMatchObject({
      over: 1e6,
      clear: 9e5,
      forMs: 120_000,
      keepMs: 120_000,
      group: 'Backlog',
      actions: ['oncall'],
    })
    // Everybody who can be told is.
    expect(rules.get('SlowQueryDetected')?.actions).toEqual(['log_and_alert', 'oncall', 'channel'])
  })

  test('is typed, so that a typo is an error in the editor', () => {
    defineConfig({
      database,
      // @ts-expect-error there is no such key
      alerts: { rules: { QuerySlow: { ovr: 1 } } },
    })
    expect(mistakesOf({ rules: { QuerySlow: { ovr: 1 } } })).toEqual([
      'alerts.rules.QuerySlow.ovr: there is no such key (docs/config.md lists them)',
    ])
  })

  test.each<[string, object, string]>([
    [
      'an unknown metric',
      { X: { metric: 'pgstrata_lock_wait_second', over: 1 } },
      'X.metric: expected a metric that is measured, got "pgstrata_lock_wait_second" (did you mean "pgstrata_lock_wait_seconds"?)',
    ],
    [
      'a rule that there is not',
      { QuerySlwo: { over: 1 } },
      'QuerySlwo.metric: expected `metric`, for there is no rule of that name to change (did you mean "QuerySlow"?)',
    ],
    [
      'switching off what there is not',
      { Bloot: false },
      'Bloot: expected the name of a rule that there is (did you mean "Bloat"?)',
    ],
    ['two thresholds', { QuerySlow: { over: 1, under: 1 } }, 'QuerySlow.under: expected `over` or `under`, got both'],
    ['no threshold', { X: { metric: 'pgstrata_up' } }, 'X.over: expected `over` or `under`, got neither'],
    [
      'a label that it does not have',
      { QuerySlow: { where: { shpe: 'x' } } },
      'QuerySlow.where.shpe: expected a label of pgstrata_call_p95_seconds: shape, node (did you mean "shape"?)',
    ],
    [
      'an action that is not declared',
      { QuerySlow: { actions: ['oncal'] } },
      'QuerySlow.actions[0]: expected an action that is declared, got "oncal" (did you mean "oncall"?)',
    ],
    [
      'a way back beyond the threshold',
      { QuerySlow: { over: '1s', clear: '2s' } },
      'QuerySlow.clear: expected at most the threshold, 1, got 2',
    ],
    [
      'a unit that does not fit',
      { QuerySlow: { over: '80%' } },
      "QuerySlow.over: Not a quantity: expected a duration such as '50ms', '10s', '5 min' or '30 days', got \"80%\"",
    ],
    [
      'a word that is not there',
      { QuerySlow: { summary: 'slow: {shap}' } },
      'QuerySlow.summary: expected one of shape, node, value, node, threshold, labels, rule between braces, got "shap" (did you mean "shape"?)',
    ],
    ['a wait without end', { QuerySlow: { for: '30 days' } }, 'QuerySlow.for: expected at most 7 days'],
  ])('with %s is refused', (_name, rules, mistake) => {
    expect(mistakesOf({ actions: { oncall: { webhook: 'https://alerts.example' } }, rules })).toEqual([
      `alerts.rules.${mistake}`.replace(/actions\[(\d)\]/, 'actions.$1'),
    ])
  })

  test('with an action that cannot be is refused, and shows no secret', () => {
    const mistakes = mistakesOf({
      actions: {
        a: {},
        b: { webhook: 'ftp://user:password@host', notify: 'x' },
        c: { job: 'analyse' },
        d: { webhook: 'https://alerts.example', secret: 'too short' },
        log: { notify: 'x' },
        scale_read_replicas: { notify: 'x' },
      },
      tell: { critical: ['nobody'] },
    })
    expect(mistakes).toEqual([
      'alerts.actions.a.webhook: expected `webhook`, `notify`, `job` or `run`, got none',
      'alerts.actions.b.webhook: expected an address that begins with https:// or http://',
      'alerts.actions.b.notify: expected one of `webhook`, `notify`, `job` and `run`, got 2',
      'alerts.actions.d.secret: expected 16 to 200 characters',
      expect.stringMatching(/^alerts\.actions\.log: expected a name of at most 60 letters/) as string,
      'alerts.tell.critical.0: expected an action that is declared, got "nobody"',
      'alerts.actions.c.job: expected the name of a job (did you mean "analyze"?)',
      'alerts.actions.scale_read_replicas.run: expected a function, which makes the replicas',
    ])
    expect(mistakes.join()).not.toMatch(/password|too short/)
  })

  test('without anything that is measured is refused', () => {
    expect(mistakesOf({}, { watch: undefined, expect: {} })).toEqual([
      'alerts: means something only with `watch`: `watch: {}` is enough',
      'expect: means something only with `watch`: `watch: {}` is enough',
    ])
  })

  test('names queries with the index that they have to use', () => {
    const { expected } = resolve({
      expect: {
        top: { sql: 'select 1', index: 'plays_idx' },
        other: { sql: 'select 2', index: ['analytics', 'Odd "Index"'] },
      },
    })
    expect(expected).toEqual([
      { name: 'top', sql: 'select 1', schema: 'public', index: 'plays_idx' },
      { name: 'other', sql: 'select 2', schema: 'analytics', index: 'Odd "Index"' },
    ])
  })
})

test('a summary says value, threshold and labels as people write them', () => {
  const rule = defaultRules().find(({ name }) => name === 'ReplicationLag')
  if (rule === undefined) throw new Error('there is no such rule')
  const about = { node: 'primary', labels: { replica: 'r1' }, value: 1.5 }
  expect(describeAlert(rule, about)).toBe('Replica r1 is 1.5 s behind')
  expect(describeAlert({ ...rule, summary: '{rule} {labels} {value} > {threshold} {node}' }, about)).toBe(
    'ReplicationLag replica=r1 1.5 s > 1 s primary',
  )
  expect(describeAlert({ ...rule, summary: '{replica}' }, { ...about, labels: { replica: '{value}' } })).toBe('{value}')
})
