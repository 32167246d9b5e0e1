// The sources of the routes, of a Strata.

import type { DeepReport } from '../advise/index.ts'
import { StrataError } from '../base/errors.ts'
import { createAudit } from '../catalog/audit.ts'
import { readInstalledVersion } from '../catalog/install.ts'
import { openDb } from '../db/pg-db.ts'
import { sqlstateOf } from '../sql/sqlstate.ts'
import type { ResolvedConfig } from '../config/index.ts'
import type { Strata } from '../strata.ts'
import type { DatabasePerformanceMonitor, QueryStats, SlowQuery } from '../watch/index.ts'
import type { CallSummary, SlowCall } from './contract/database.ts'
import type { ExplainAnswer, ExplainRequest, FindingsAnswer } from './contract/upkeep.ts'
import type { CallsSource, Sources } from './sources.ts'

/** Whatever rollups it declares: they are served by name. */
export type ServedStrata = Omit<Strata, 'config' | 'rollups'> & {
  readonly config: Omit<ResolvedConfig, 'declaredRollups'>
}

export function sourcesOf(strata: ServedStrata, { version }: { readonly version: string }): Sources {
  const { config, db, pool, cache, jobs, changes, nodes, partitions, rollup, views } = strata
  // Of its own, so that it waits behind no work, and is given up where the network swallows an answer.
  const { direct: url, connectTimeoutMs } = config.database
  const health = openDb({ url, connectTimeoutMs, max: 1, applicationName: 'pgstrata health', answerTimeoutMs: 5_000 })
  return {
    version,
    health: {
      ask: () => readInstalledVersion(health),
      close: () => health.close({ now: true }),
      nodes: () => strata.readNodes(),
      replicas: nodes.filter(({ isReplica }) => isReplica).map(({ name, maxLagMs }) => ({ name, maxLagMs })),
      redis: () => cache.stats().redis,
      feed: config.changes === undefined ? undefined : async () => ({ isUp: (await changes.status()).isHeld }),
      jobs: async () =>
        (await jobs.list()).map(({ name, state, last }) => ({
          name,
          isFailing: state === 'lost' || (state !== 'running' && (last?.state === 'failed' || last?.state === 'lost')),
        })),
    },
    nodes: () => strata.readNodes(),
    pool,
    cache,
    jobs,
    partitions,
    rollups: rollup,
    views,
    audit: createAudit(db),
    calls: callsOf(() => strata.monitor),
    live: config.live === undefined ? undefined : strata.live,
    watch: strata.watch,
    alerts: config.watch === undefined ? undefined : strata.alerts,
    findings: async () => findingsOf(await strata.readFindings()),
    explain: (request) => explain(strata, request),
  }
}

/** The monitor is made when it is first asked for. */
function callsOf(monitor: () => DatabasePerformanceMonitor): CallsSource {
  return {
    summary: (windowMs) => summaryOf(monitor().getStats(windowMs)),
    slowest: (limit) => monitor().getSlowQueries(limit).map(slowCallOf),
    askDatabase: async () => {
      const info = await monitor().getDatabaseInfo()
      const { cacheHitRatio } = await monitor().getCacheHitRatio()
      return {
        pgstrata_database_size_bytes: info.size_bytes,
        pgstrata_connections_max: info.max_connections,
        pgstrata_connections_used_ratio: info.connections / info.max_connections,
        ...(cacheHitRatio === null ? {} : { pgstrata_buffer_hit_ratio: cacheHitRatio / 100 }),
      }
    },
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
