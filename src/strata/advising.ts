// What is wrong with the servers of a configuration, and why they are slow, with what other features know of it.

import {
  checks as allChecks,
  findWhySlow,
  readFindings,
  type DeepOptions,
  type DeepReport,
  type QueryPlanAnalyzer,
  type SlowReport,
  type ViewFreshness,
} from '../advise/index.ts'
import type { Clock } from '../base/clock.ts'
import { formatDuration } from '../base/units.ts'
import type { ConfiguredNode } from '../db/node-facts.ts'
import { isConnectionLost } from '../sql/sqlstate.ts'
import type { Reviewed, Reviewer } from '../maintain/index.ts'
import type { Views } from '../views/index.ts'

export interface Advising {
  /** Everything that is asked by `doctor --deep`: findings with the SQL that mends them, and a score. Only reads. */
  readFindings(options?: Pick<DeepOptions, 'checks' | 'signal'>): Promise<DeepReport>
  /** The eight steps of `doctor --why-slow`, and the likely causes. Only reads. */
  findWhySlow(options?: { readonly signal?: AbortSignal }): Promise<SlowReport>
}

export interface AdvisingTools {
  readonly nodes: readonly ConfiguredNode[]
  readonly views: Views
  readonly analyzer: QueryPlanAnalyzer
  readonly clock: Clock
}

export function advising({ nodes, views, analyzer, clock }: AdvisingTools): Advising {
  return {
    readFindings: (options = {}) => readFindings({ nodes, clock, ...options }),
    findWhySlow: (options = {}) =>
      findWhySlow({
        nodes,
        readViews: () => readViews(views, clock),
        readInsights: async (queryid) => {
          const { insights } = await analyzer.explainDetailed(await analyzer.textOf(queryid))
          return insights.map(({ what }) => what)
        },
        suggestIndexes: async (queryid) => {
          const suggestions = await analyzer.suggestIndexes(await analyzer.textOf(queryid))
          return suggestions.map(({ ddl, locks }) => (locks === undefined ? ddl : `${ddl} (${locks})`))
        },
        ...options,
      }),
  }
}

async function readViews(views: Views, clock: Clock): Promise<readonly ViewFreshness[]> {
  const all = await views.status()
  return all
    .filter(({ kind, state }) => kind === 'materialized' && (state === 'live' || state === 'changed'))
    .map(({ name, schema, staleMs, dueAt, lastError }) => ({
      name,
      schema,
      staleMs,
      lateMs: dueAt === null ? 0 : Math.max(0, clock.now() - dueAt.getTime()),
      lastError,
    }))
}

/** Health checks for jobs that go through them. A name that is no check's is left out. */
export function createReviewer({ nodes, views, analyzer, clock }: AdvisingTools): Reviewer {
  return async (names, signal) => {
    const needed = names.includes(suggested) ? [...names, slow] : names
    const checks = allChecks.filter(({ name }) => needed.includes(name))
    const { findings, notAsked, silent } = await readFindings({ nodes, clock, checks, signal })
    const reviewed = checks.map(({ name, question }): Reviewed => {
      const why = notAsked.find(({ check }) => check === name)?.why ?? silent[0]?.why
      const own = findings.filter(({ check }) => check === name)
      return { check: name, question, unavailable: own.length > 0 ? undefined : why, findings: own }
    })
    return [
      ...(names.includes(freshness) ? [await reviewViews(views, clock)] : []),
      ...(names.includes(suggested) ? [await reviewStatements(reviewed, findings, { analyzer, signal })] : []),
      ...reviewed.filter(({ check }) => names.includes(check)),
    ]
  }
}

const suggested = 'suggested-index'
const slow = 'slow-statements'
/** Of those that take most time altogether. */
const mostStatements = 5

/** Indexes for statements that are slow and run often; one that cannot be planned keeps no other from it. */
async function reviewStatements(
  reviewed: readonly Reviewed[],
  findings: DeepReport['findings'],
  { analyzer, signal }: { readonly analyzer: QueryPlanAnalyzer; readonly signal: AbortSignal },
): Promise<Reviewed> {
  const worst = findings.filter(({ check }) => check === slow).slice(0, mostStatements)
  const found = new Map<string, Reviewed['findings'][number]>()
  for (const { evidence } of worst) {
    signal.throwIfAborted()
    const queryid = String(evidence['queryid'])
    const suggestions = await suggest(analyzer, queryid)
    for (const { ddl, table, why, locks } of suggestions) {
      const what = `Statement ${queryid}: ${why}`
      // What keeps writers waiting is told, and is nothing to be carried out as it stands.
      const told = locks === undefined ? { fix: [ddl] } : { fix: [], advice: `${locks} (${ddl})` }
      found.set(ddl, { gravity: 'warn', subject: `table ${table}`, what, ...told })
    }
  }
  return {
    check: suggested,
    question: 'Which indexes would serve the statements that are slow and run often?',
    unavailable: reviewed.find(({ check }) => check === slow)?.unavailable,
    findings: [...found.values()],
  }
}

async function suggest(
  analyzer: QueryPlanAnalyzer,
  queryid: string,
): Promise<Awaited<ReturnType<QueryPlanAnalyzer['suggestIndexes']>>> {
  try {
    return await analyzer.suggestIndexes(await analyzer.textOf(queryid))
  } catch (error) {
    // Its text is gone by now, or is no statement that can be planned.
    if (isConnectionLost(error)) throw error
    return []
  }
}

const freshness = 'view-freshness'
/** A refresh that is that late was left out, not just behind others. */
const lateMs = 60 * 60_000

async function reviewViews(views: Views, clock: Clock): Promise<Reviewed> {
  const question = 'Are materialized views fresh?'
  const late = (await readViews(views, clock)).filter((view) => view.lateMs >= lateMs || view.lastError !== null)
  return {
    check: freshness,
    question,
    unavailable: undefined,
    findings: late.map(({ schema, name, lastError, staleMs }) => ({
      gravity: 'warn',
      subject: `view ${schema}.${name}`,
      what: `View ${schema}.${name} ${lastError === null ? 'is late' : 'was not refreshed the last time'}${staleMs === null ? '' : `: it is ${formatDuration(staleMs)} old`}`,
      fix: [],
    })),
  }
}
