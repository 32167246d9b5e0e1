// The sources of the routes, of a Strata.

import type { Clock } from '../base/clock.ts'
import type { DeepReport } from '../advise/index.ts'
import { StrataError } from '../base/errors.ts'
import { createAudit } from '../catalog/audit.ts'
import { boundedReads } from '../db/bounded-reads.ts'
import type { Db } from '../db/db.ts'
import { readIsReplica } from '../db/node-facts.ts'
import { openDb } from '../db/pg-db.ts'
import { sqlstateOf } from '../sql/sqlstate.ts'
import type { ResolvedConfig } from '../config/index.ts'
import type { Strata } from '../strata.ts'
import { readArchives } from '../tiers/index.ts'
import { readMeasures, type DatabasePerformanceMonitor, type QueryStats, type SlowQuery } from '../watch/index.ts'
import type { CallSummary, SlowCall } from './contract/calls.ts'
import type { ExplainAnswer, ExplainRequest, FindingsAnswer } from './contract/upkeep.ts'
import type { Asked, HealthSources } from './health-keeper.ts'
import type { CallsSource, Sources } from './sources.ts'

/** Whatever rollups it declares: they are served by name. */
export type ServedStrata = Omit<Strata, 'config' | 'rollups'> & {
  readonly config: Omit<ResolvedConfig, 'declaredRollups'>
}

const askLimitMs = 3_000

export function sourcesOf(
  strata: ServedStrata,
  { version, clock }: { readonly version: string; readonly clock: Clock },
): Sources {
  const { config, db, pool, cache, jobs, partitions, rollup, views, tiers, backup } = strata
  const opened: Db[] = []
  const open = (url: string, applicationName: string): Db => {
    const { connectTimeoutMs } = config.database
    const one = openDb({ url, connectTimeoutMs, applicationName, max: 1, answerTimeoutMs: 5_000 })
    opened.push(one)
    return one
  }
  const asked = open(config.database.direct, 'pgstrata server')
  const bounded = boundedReads({ db: asked, connections: 1, limitMs: askLimitMs, clock })
  return {
    version,
    health: {
      ...healthOf(strata, (url) => open(url, 'pgstrata health')),
      close: async () => void (await Promise.all(opened.map((one) => one.close({ now: true })))),
    },
    nodes: () => strata.readNodes(),
    pool,
    cache,
    jobs,
    partitions,
    rollups: rollup,
    views,
    tiers,
    archives: () => readArchives(db),
    backup,
    audit: createAudit(db),
    calls: callsOf(() => strata.monitor),
    askDatabase: () => readMeasures(bounded),
    live: config.live === undefined ? undefined : strata.live,
    watch: strata.watch,
    alerts: config.watch === undefined ? undefined : strata.alerts,
    findings: async () => findingsOf(await strata.readFindings()),
    explain: (request) => explain(strata, request),
  }
}

/** By connections of its own, so that it waits behind no work, and each is given up where the network swallows an answer. */
function healthOf(
  { config, cache, changes, jobs, readNodes }: ServedStrata,
  open: (url: string) => Db,
): Omit<HealthSources, 'close'> {
  const { direct, primary } = config.database
  const asker = (url: string): (() => Promise<Asked>) => {
    const db = open(url)
    return async () => ({ isReplica: await readIsReplica(db) })
  }
  return {
    ask: asker(direct),
    askPool: primary === direct ? undefined : asker(primary),
    nodes: readNodes,
    replicas: config.pool.replicas.map(({ name, maxLag, connectionString }) => ({
      name,
      maxLagMs: maxLag,
      ask: asker(connectionString),
    })),
    redis: () => cache.stats().redis,
    feed: config.changes === undefined ? undefined : async () => ({ isUp: (await changes.status()).isHeld }),
    jobs: async () =>
      (await jobs.list()).map(({ name, state, failures }) => ({
        name,
        isFailing: state === 'lost' || (state !== 'running' && failures > 0),
      })),
  }
}

/** The monitor is made when it is first asked for. */
function callsOf(monitor: () => DatabasePerformanceMonitor): CallsSource {
  return {
    summary: (windowMs) => summaryOf(monitor().getStats(windowMs)),
    slowest: (limit) => monitor().getSlowQueries(limit).map(slowCallOf),
    exposition: () => monitor().getPrometheusMetrics(),
  }
}

function summaryOf(stats: QueryStats): CallSummary {
  const { windowMs, count, errors, errorRate, rate } = stats
  const { avgDuration, p50Duration, p95Duration, p99Duration, maxDuration } = stats
  return { windowMs, count, errors, errorRate, rate, avgDuration, p50Duration, p95Duration, p99Duration, maxDuration }
}

function slowCallOf({ query, duration, at, name, shape, failed, sqlstate }: SlowQuery): SlowCall {
  return {
    query,
    duration,
    at: at.toISOString(),
    name: name ?? null,
    shape,
    failed,
    sqlstate: sqlstate ?? null,
  }
}

function findingsOf({ score, findings, notAsked, silent }: DeepReport): FindingsAnswer {
  return {
    score: score.value ?? null,
    findings: findings.map(({ node, check, category, gravity, subject, what, evidence, why, fix, undo, advice }) => ({
      node,
      check,
      category,
      gravity,
      subject,
      what,
      evidence,
      why,
      fix,
      undo,
      advice: advice ?? null,
    })),
    notAsked: notAsked.map(({ node, check, why }) => ({ node, check, why })),
    silent: silent.map(({ node }) => node),
  }
}

async function explain(
  { analyzer }: ServedStrata,
  { sql, params, analyze = false }: ExplainRequest,
): Promise<ExplainAnswer> {
  try {
    const { insights, ...plan } = await analyzer.explainDetailed(sql, params, { analyze })
    return { plan, insights, suggestions: await analyzer.suggestIndexes(sql, params) }
  } catch (error) {
    const state = sqlstateOf(error)
    // What the server says of a statement can quote a value of it.
    if (error instanceof StrataError || state === undefined || !/^(22|23|42|0A)/.test(state)) throw error
    throw new StrataError('VALUE_INVALID', {
      message: 'The server refuses the statement',
      got: `SQLSTATE ${state}`,
      cause: error,
    })
  }
}
