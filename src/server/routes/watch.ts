// What is measured: now, from what was read last, and over time, from the store.

import type { LockTree, Now, Series } from '../../watch/index.ts'
import {
  indexesShape,
  loadQueryShape,
  loadShape,
  overviewShape,
  seriesQueryShape,
  seriesShape,
  sessionsShape,
  statementsQueryShape,
  statementsShape,
  tablesShape,
  type BlockingSession,
  type IndexesAnswer,
  type LoadAnswer,
  type LoadQuery,
  type Overview,
  type SeriesAnswer,
  type SeriesQuery,
  type SessionsAnswer,
  type StatementsAnswer,
  type StatementsQuery,
  type TableAnswer,
  type TablesAnswer,
} from '../contract/watch.ts'
import { invalidValue } from '../errors.ts'
import { jsonRoute, required, type Route, type RouteTools } from '../route.ts'
import type { Span, WatchSource } from '../sources.ts'
import { namedLabels, Parts, poolOf, readNow } from './readings.ts'
import { chooseSpan, chooseStepMs } from './span.ts'

const measured = { method: 'GET', group: 'watch', access: 'read', cache: 'revalidate', needs: 'watch' } as const

export const watchRoutes: readonly Route[] = [
  jsonRoute<Overview>({
    method: 'GET',
    path: '/api/overview',
    group: 'watch',
    access: 'read',
    cache: 'none',
    summary: 'The first page of a dashboard: health, calls, pool, load, alerts that stand, and probes.',
    answer: overviewShape,
    asks: 'nothing',
    handle: (_, tools) => readOverview(tools),
  }),
  jsonRoute<SeriesAnswer, unknown, SeriesQuery>({
    ...measured,
    path: '/api/series',
    summary: 'One metric over time. Without `from` the last hour; without `step` at most 300 points a series.',
    query: seriesQueryShape,
    answer: seriesShape,
    handle: async ({ query }, { sources, shared, clock }) => {
      const watch = required(sources.watch, 'watch')
      const span = chooseSpan(query, clock)
      const wanted = { ...stretchOf(span), metric: query.metric, stepMs: chooseStepMs(query.step, span) }
      const stepMs = watch.store.stepMs(wanted)
      const asked = { ...query, ...span, stepMs }
      const series = await shared.ask(`series ${JSON.stringify(asked)}`, () => readSeries(watch, asked))
      return { metric: query.metric, ...isoSpan(span), stepSeconds: stepMs / 1_000, series }
    },
  }),
  jsonRoute<StatementsAnswer, unknown, StatementsQuery>({
    ...measured,
    path: '/api/statements',
    summary: 'The statements that took most of a time, the last hour unless told.',
    query: statementsQueryShape,
    answer: statementsShape,
    handle: async ({ query: { by = 'time', limit = 50, node, ...asked } }, { sources, shared, clock }) => {
      const watch = required(sources.watch, 'watch')
      const span = chooseSpan(asked, clock)
      const choice = { ...stretchOf(span), orderBy: by, limit, node }
      const statements = await shared.ask(`statements ${JSON.stringify(choice)}`, () => watch.store.statements(choice))
      return { ...isoSpan(span), statements }
    },
  }),
  jsonRoute<LoadAnswer, unknown, LoadQuery>({
    ...measured,
    path: '/api/load',
    summary: 'Active sessions over time, by what they waited for.',
    query: loadQueryShape,
    answer: loadShape,
    handle: async ({ query: { step, node, ...asked } }, { sources, shared, clock }) => {
      const watch = required(sources.watch, 'watch')
      const span = chooseSpan(asked, clock)
      const stretch = stretchOf(span)
      const stepMs = watch.store.stepMs({ ...stretch, metric: loadMetric, stepMs: chooseStepMs(step, span) })
      const choice = { ...stretch, stepMs, node }
      const load = await shared.ask(`load ${JSON.stringify(choice)}`, () => readLoad(watch, choice))
      return { ...isoSpan(span), stepSeconds: stepMs / 1_000, ...load }
    },
  }),
  jsonRoute<SessionsAnswer>({
    ...measured,
    path: '/api/sessions',
    summary: 'Sessions by state, and the tree of those that wait for a lock, of each node.',
    answer: sessionsShape,
    handle: async (_, tools) => sessionsOf(await readNow(required(tools.sources.watch, 'watch'), tools)),
  }),
  jsonRoute<TablesAnswer>({
    ...measured,
    path: '/api/tables',
    summary: 'Tables with their size, dead rows, HOT ratio and sequential scans, as probes read them last.',
    answer: tablesShape,
    handle: async (_, tools) => {
      const now = await readNow(required(tools.sources.watch, 'watch'), tools)
      return { tables: readTables(now.series()) }
    },
  }),
  jsonRoute<IndexesAnswer>({
    ...measured,
    path: '/api/indexes',
    summary: 'Indexes with their size and scans, and those that nothing uses.',
    answer: indexesShape,
    handle: async (_, tools) => {
      const now = await readNow(required(tools.sources.watch, 'watch'), tools)
      return { indexes: readIndexes(now.series()) }
    },
  }),
]

const loadMetric = 'pgstrata_active_sessions'

function isoSpan({ fromMs, toMs }: { readonly fromMs: number; readonly toMs: number }): { from: string; to: string } {
  return { from: new Date(fromMs).toISOString(), to: new Date(toMs).toISOString() }
}

async function readOverview(tools: RouteTools): Promise<Overview> {
  const { sources, health, shared } = tools
  const { watch, alerts, calls, version } = sources
  const parts = new Parts()
  const standing =
    alerts === undefined ? [] : await parts.read('alerts', () => shared.ask('alerts', () => alerts.open()), [])
  const count = (severity: string): number =>
    standing.filter((alert) => alert.state === 'firing' && alert.severity === severity).length
  const load = new Map<string, number>()
  const now =
    watch === undefined ? undefined : await parts.read('what is measured', () => readNow(watch, tools), undefined)
  for (const one of now?.series(loadMetric) ?? []) {
    const wait = namedLabels(one)['wait_type'] ?? ''
    load.set(wait, (load.get(wait) ?? 0) + one.value)
  }
  return {
    version,
    health: await health.read(),
    calls: calls.summary(60_000),
    pool: poolOf(sources),
    watching: watch?.role ?? 'off',
    load: Object.fromEntries(load),
    alerts: { critical: count('critical'), warning: count('warning'), info: count('info') },
    probes: (now?.states() ?? []).map(({ node, probe, atMs, everyMs, tookMs, unavailable, failure }) => ({
      node,
      probe,
      at: atMs === undefined ? null : new Date(atMs).toISOString(),
      everyMs,
      tookMs: tookMs ?? null,
      unavailable: unavailable ?? null,
      failed: failure !== undefined,
    })),
    missing: parts.missing,
  }
}

function stretchOf({ fromMs, toMs }: Span): { readonly from: Date; readonly to: Date } {
  return { from: new Date(fromMs), to: new Date(toMs) }
}

interface AskedSeries extends Span, Pick<SeriesQuery, 'metric' | 'node' | 'limit'> {
  readonly stepMs: number
}

async function readSeries(
  { metrics, store }: WatchSource,
  { metric: name, stepMs, node, limit = 20, ...span }: AskedSeries,
): Promise<SeriesAnswer['series']> {
  const metric = metrics.find((one) => one.name === name)
  if (metric === undefined)
    throw invalidValue({ path: 'query.metric', expected: 'the name of a metric that is measured' })
  const stored = await store.series({ ...stretchOf(span), metric: name, stepMs, node })
  const largest = (points: readonly { readonly most: number }[]): number => Math.max(...points.map(({ most }) => most))
  return stored
    .toSorted((a, b) => largest(b.points) - largest(a.points))
    .slice(0, limit)
    .map(({ node: of, labels, points }) => ({
      node: of,
      labels: namedLabels({ metric, labels }),
      points: points.map(({ atMs, value, least, most }) => [atMs, value, least, most] as const),
    }))
}

async function readLoad(
  { store }: WatchSource,
  {
    stepMs,
    ...stretch
  }: { readonly from: Date; readonly to: Date; readonly node: string | undefined; readonly stepMs: number },
): Promise<Pick<LoadAnswer, 'waits' | 'top'>> {
  const stored = await store.series({ ...stretch, metric: loadMetric, stepMs })
  const waits = new Map<string, Map<number, number>>()
  for (const {
    labels: [wait = ''],
    points,
  } of stored) {
    const sums = waits.get(wait) ?? new Map<number, number>()
    waits.set(wait, sums)
    for (const { atMs, value } of points) sums.set(atMs, (sums.get(atMs) ?? 0) + value)
  }
  return {
    waits: Object.fromEntries([...waits].map(([wait, sums]) => [wait, [...sums].toSorted(([a], [b]) => a - b)])),
    top: await store.load(stretch),
  }
}

function sessionsOf(now: Now): SessionsAnswer {
  const states = now.series('pgstrata_connections')
  const nodes = [...new Set(states.map(({ node }) => node))]
  return {
    nodes: nodes.map((node) => {
      const detail = now.detail(node, 'locks') as { readonly roots: readonly LockTree[] } | undefined
      return {
        node,
        states: Object.fromEntries(
          states.filter((one) => one.node === node).map((one) => [namedLabels(one)['state'] ?? '', one.value]),
        ),
        blocking: (detail?.roots ?? []).flatMap((root) => flatten(root, 0)),
      }
    }),
  }
}

function flatten(
  { behind, pid, by, user, application, state, queryid, waitedSeconds, openSeconds }: LockTree,
  depth: number,
): readonly BlockingSession[] {
  const own = { depth, pid, by, user, application, state, queryid, waitedSeconds, openSeconds }
  return [own, ...behind.flatMap((one) => flatten(one, depth + 1))]
}

/** Grouped by the node and the labels that name a relation. */
function groupBy(series: readonly Series[], prefix: string): ReadonlyMap<string, readonly Series[]> {
  const groups = new Map<string, Series[]>()
  for (const one of series) {
    if (!one.metric.name.startsWith(prefix)) continue
    const key = JSON.stringify([one.node, ...one.labels])
    const group = groups.get(key)
    if (group === undefined) groups.set(key, [one])
    else group.push(one)
  }
  return groups
}

function readTables(series: readonly Series[]): readonly TableAnswer[] {
  const prefix = 'pgstrata_table_'
  return [...groupBy(series, prefix).values()].flatMap((group) => {
    const [one] = group
    if (one === undefined) return []
    const { schema = '', table = '' } = namedLabels(one)
    const measures = group.map(({ metric, value }) => [metric.name.slice(prefix.length), value] as const)
    return [{ node: one.node, schema, table, measures: Object.fromEntries(measures) }]
  })
}

function readIndexes(series: readonly Series[]): IndexesAnswer['indexes'] {
  const all = series.filter(({ metric }) => /^pgstrata_(unused_)?index_(scans|size|bytes)/.test(metric.name))
  return [...groupBy(all, 'pgstrata_').values()].flatMap((group) => {
    const [one] = group
    if (one === undefined) return []
    const { schema = '', table = '', index = '' } = namedLabels(one)
    const valueOf = (name: string): number | null => group.find(({ metric }) => metric.name === name)?.value ?? null
    const unusedBytes = valueOf('pgstrata_unused_index_bytes')
    return [
      {
        node: one.node,
        schema,
        table,
        index,
        sizeBytes: valueOf('pgstrata_index_size_bytes') ?? unusedBytes,
        scans: valueOf('pgstrata_index_scans_total'),
        isUnused: unusedBytes !== null && unusedBytes > 0,
      },
    ]
  })
}
