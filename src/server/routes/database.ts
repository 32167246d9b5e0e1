// The database as an operator asks for it, and the two things they may have done: optimize it, and clear the cache.

import {
  cacheStatisticsShape,
  connectionsShape,
  databaseHealthShape,
  databaseMetricsShape,
  queryAnalysisShape,
  type CacheStatistics,
  type Connections,
  type DatabaseHealth,
  type DatabaseMetrics,
  type QueryAnalysis,
} from '../contract/database.ts'
import type { FindingsAnswer } from '../contract/upkeep.ts'
import { cacheClearedShape, optimizedShape, type CacheCleared, type Optimized } from '../contract/manage.ts'
import { jsonRoute, type Route, type RouteTools } from '../route.ts'
import { object, optional, text } from '../shape.ts'
import { readApplications, readCalls } from './applications.ts'
import { findingsKeptMs } from './upkeep.ts'
import { cacheStatisticsOf, namedLabels, nodeStateOf, Parts, poolOf } from './readings.ts'

const minuteMs = 60_000
const hourMs = 60 * minuteMs

export const databaseRoutes: readonly Route[] = [
  jsonRoute<DatabaseHealth>({
    method: 'GET',
    path: '/database/health',
    group: 'database',
    summary: 'Servers with their roles and lags, and what is known of the primary.',
    access: 'read',
    cache: 'revalidate',
    answer: databaseHealthShape,
    handle: readDatabaseHealth,
  }),
  jsonRoute<DatabaseMetrics>({
    method: 'GET',
    path: '/database/metrics',
    group: 'database',
    summary:
      'Calls of this process: rates, durations and errors of the last minute, five minutes and ten, and the slowest; and those of all applications in the last minute.',
    access: 'read',
    cache: 'none',
    answer: databaseMetricsShape,
    asks: 'nothing',
    handle: (_, tools) => readMetrics(tools),
  }),
  jsonRoute<CacheStatistics>({
    method: 'GET',
    path: '/database/cache-stats',
    group: 'database',
    summary: 'Hits and misses of the cache by namespace, and how often the server found a block in its own buffers.',
    access: 'read',
    cache: 'none',
    answer: cacheStatisticsShape,
    asks: 'nothing',
    handle: async (_, tools) => cacheStatisticsOf(tools.sources, await new Parts().series(tools)),
  }),
  jsonRoute<Connections>({
    method: 'GET',
    path: '/database/connections',
    group: 'database',
    summary: 'Connections of the pool of this process, and those the servers have.',
    access: 'read',
    cache: 'none',
    answer: connectionsShape,
    asks: 'nothing',
    handle: (_, tools) => readConnections(tools),
  }),
  jsonRoute<QueryAnalysis>({
    method: 'GET',
    path: '/database/query-analysis',
    group: 'database',
    summary:
      'The slowest calls, of this process and of all, the statements that took most of the last hour, and what was found wrong with queries and indexes.',
    access: 'read',
    cache: 'revalidate',
    answer: queryAnalysisShape,
    handle: (_, tools) => analyzeQueries(tools),
  }),
  jsonRoute<Optimized, unknown, unknown, object>({
    method: 'POST',
    path: '/database/optimize',
    group: 'database',
    summary:
      'Runs the job `optimize` now, and answers with what it did: tables analysed and vacuumed, and what was found of indexes.',
    access: 'manage',
    cache: 'none',
    body: object<object>({}),
    answer: optimizedShape,
    status: ({ state }) => (state === 'done' ? 200 : 500),
    statuses: { 200: 'Done.', 500: 'The job failed; `failure` says why.' },
    fails: ['JOB_BUSY'],
    handle: (_, { sources }) => optimize(sources.jobs),
  }),
  jsonRoute<CacheCleared, unknown, unknown, { readonly namespace?: string }>({
    method: 'POST',
    path: '/database/cache/clear',
    group: 'database',
    summary: 'Clears the cache, or one namespace of it, in every process.',
    access: 'manage',
    cache: 'none',
    body: object<{ readonly namespace?: string }>({ namespace: optional(text({ least: 1, most: 200 })) }),
    answer: cacheClearedShape,
    handle: async ({ body: { namespace } }, { sources: { cache } }) => ({
      cleared: namespace ?? 'everything',
      reach: await cache.clear(namespace),
    }),
  }),
]

async function readMetrics(tools: RouteTools): Promise<DatabaseMetrics> {
  const { calls } = tools.sources
  const parts = new Parts()
  return {
    calls: [minuteMs, 5 * minuteMs, 10 * minuteMs].map((windowMs) => calls.summary(windowMs)),
    slowest: calls.slowest(20),
    applications: await readApplications(parts, tools),
    missing: parts.missing,
  }
}

/** What nobody has measured yet is asked. */
const asked = ['pgstrata_up', 'pgstrata_database_size_bytes', 'pgstrata_connections_max'] as const

async function readDatabaseHealth(_: unknown, tools: RouteTools): Promise<DatabaseHealth> {
  const { sources, health, shared } = tools
  const { status, problems } = await health.read()
  const nodes = await shared.ask('nodes', () => sources.nodes())
  const parts = new Parts()
  const measured = (await parts.series(tools))
    .filter(({ node, labels }) => node === 'primary' && labels.length === 0)
    .map(({ metric, value }) => [metric.name, value] as const)
  const isWhole = asked.every((name) => measured.some(([known]) => known === name))
  const said =
    isWhole || status === 'down'
      ? {}
      : await parts.read('what the server says', () => shared.ask('database', () => sources.askDatabase()), {})
  return {
    status,
    problems,
    nodes: nodes.map(nodeStateOf),
    measures: { ...said, ...Object.fromEntries(measured) },
    missing: parts.missing,
  }
}

async function readConnections(tools: RouteTools): Promise<Connections> {
  const parts = new Parts()
  const series = await parts.series(tools)
  const nodes = [
    ...new Set(series.filter(({ metric }) => metric.name === 'pgstrata_connections_max').map(({ node }) => node)),
  ]
  return {
    pool: poolOf(tools.sources),
    servers: nodes.map((node) => {
      const own = series.filter((one) => one.node === node)
      const valueOf = (name: string): number | null => own.find(({ metric }) => metric.name === name)?.value ?? null
      return {
        node,
        max: valueOf('pgstrata_connections_max'),
        states: Object.fromEntries(
          own
            .filter(({ metric }) => metric.name === 'pgstrata_connections')
            .map((one) => [namedLabels(one)['state'] ?? '', one.value]),
        ),
        oldestTransactionSeconds: valueOf('pgstrata_oldest_transaction_seconds'),
        idleInTransactionSeconds: valueOf('pgstrata_idle_in_transaction_seconds'),
      }
    }),
    missing: parts.missing,
  }
}

async function analyzeQueries(tools: RouteTools): Promise<QueryAnalysis> {
  const { sources, shared, clock } = tools
  const { watch, calls } = sources
  const toMs = clock.now()
  const span = { from: new Date(toMs - hourMs), to: new Date(toMs), limit: 20 }
  const parts = new Parts()
  const statements = (): Promise<QueryAnalysis['statements']> =>
    watch === undefined ? Promise.resolve([]) : shared.ask('analysis', () => watch.store.statements(span))
  const looked = (): Promise<FindingsAnswer> => shared.ask('findings', () => sources.findings(), findingsKeptMs)
  const found = await parts.read('findings', looked, undefined)
  return {
    slowest: calls.slowest(20),
    applications: await readCalls(parts, tools, { windowMs: 10 * minuteMs, limit: 20 }),
    statements: await parts.read('statements', statements, []),
    findings: (found?.findings ?? []).filter(({ category }) => category === 'queries' || category === 'indexes'),
    missing: parts.missing,
  }
}

/** JOB_BUSY where it runs already. */
async function optimize(jobs: RouteTools['sources']['jobs']): Promise<Optimized> {
  const report = await jobs.runNow('optimize')
  const [run] = await jobs.history('optimize', { limit: 1 })
  const { state, did, warnings, failure, durationMs } = report
  // Another run may have come in between; its details are not those of this one.
  const details = run?.tick.getTime() === report.tick.getTime() ? run.details : {}
  return { state, did, warnings, failure, durationMs, details }
}
