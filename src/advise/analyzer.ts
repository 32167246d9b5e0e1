// Looks at how a statement is carried out, and what would make it faster. Promises: works on any pg.Pool, a StrataPool included
// (there on the primary, always); leaves nothing behind: everything happens in a transaction that is rolled back, under time limits.
// Only explainAnalyze(), and explainDetailed() with `analyze`, run the statement.
// On failure: StrataErrors by code; no parameter value, and no literal of the statement, stands in one.

import { parseDurationMs } from '../base/units.ts'
import type { Db, DbTarget, Session } from '../db/db.ts'
import { dbFromPool, type PgPool } from '../db/pg-db.ts'
import type { Sql } from '../sql/sql.ts'
import { findInsights, gather, type Insight } from './insights/index.ts'
import { explainOn, withPlanner, type PlannerSettings } from './plan/explain.ts'
import type { Plan } from './plan/node.ts'
import { readPlan } from './plan/read-plan.ts'
import { readRecorded } from './plan/recorded.ts'
import { renderPlan } from './plan/render.ts'
import { findSideEffects } from './plan/side-effects.ts'
import { checkStatement, type CheckedStatement } from './plan/statement.ts'
import { suggestIndexes, type IndexSuggestion } from './suggest/index.ts'

export interface AnalyzerOptions {
  /** Of a statement that is run: '30s'. */
  readonly timeout?: string | number
  /** Waiting for a lock: '2s'. */
  readonly lockTimeout?: string | number
}

export interface DetailedPlan extends Plan {
  /** What the plan says, the most that could be saved first. */
  readonly insights: readonly Insight[]
  /** What a run did that a rollback does not undo. */
  readonly sideEffects: readonly string[]
  /** Planned for any values: none were given. */
  readonly isGeneric: boolean
  /** The tree as a terminal shows it. */
  toString(): string
}

const defaultTimeout = '30s'
const defaultLockTimeout = '2s'

export class QueryPlanAnalyzer {
  readonly #db: Db
  readonly #limits: { readonly timeoutMs: number; readonly lockTimeoutMs: number }

  constructor(pool: PgPool, options: AnalyzerOptions = {}) {
    this.#db = dbFromPool(pool, targetOf(pool))
    this.#limits = {
      timeoutMs: parseDurationMs(options.timeout ?? defaultTimeout),
      lockTimeoutMs: parseDurationMs(options.lockTimeout ?? defaultLockTimeout),
    }
  }

  /** The plan, as EXPLAIN prints it. Without `params` it is the plan for any values. Nothing is run. */
  async explain(statement: string | Sql, params?: readonly unknown[]): Promise<string> {
    const checked = await check(statement, params)
    return await withPlanner(this.#db, this.#limits, async (session, settings) => {
      const lines = await explainOn(session, settings, checked, { analyze: false, format: 'text' })
      return lines.join('\n')
    })
  }

  /** Runs the statement, rolls it back, and gives the plan with what it came to. */
  async explainAnalyze(statement: string | Sql, params?: readonly unknown[]): Promise<string> {
    const checked = await check(statement, params)
    return await withPlanner(this.#db, this.#limits, async (session, settings) => {
      const sideEffects = await findSideEffects(session, checked)
      const lines = await explainOn(session, settings, checked, { analyze: true, format: 'text' })
      return [...lines, ...sideEffects.map((effect) => `Note: ${effect}`)].join('\n')
    })
  }

  /** The plan as a tree, with what is to be said of it. With `analyze` the statement is run, and rolled back. */
  async explainDetailed(
    statement: string | Sql,
    params?: readonly unknown[],
    options: { readonly analyze?: boolean } = {},
  ): Promise<DetailedPlan> {
    const checked = await check(statement, params)
    const analyze = options.analyze === true
    return await withPlanner(this.#db, this.#limits, async (session, settings) => {
      const sideEffects = analyze ? await findSideEffects(session, checked) : []
      const [answer] = await explainOn(session, settings, checked, { analyze, format: 'json' })
      const plan = readPlan(answer)
      const costs = await compareGeneric(session, settings, checked)
      const given = await gather(session, { plan, settings: settings.of, statement: checked, costs })
      const detailed = {
        ...plan,
        insights: findInsights(given),
        sideEffects,
        isGeneric: checked.parameterCount > 0 && checked.params === undefined,
      }
      const text = (): string => renderPlan(plan).join('\n')
      return Object.defineProperty(detailed, 'toString', { value: text, enumerable: false })
    })
  }

  /** The text that pg_stat_statements has under a queryid (in decimal digits). */
  async textOf(queryId: string): Promise<string> {
    return await withPlanner(this.#db, this.#limits, (session) => readRecorded(session, queryId))
  }

  /** Indexes that would serve the statement, the best first; none where none would. Nothing is run, and nothing made. */
  async suggestIndexes(statement: string | Sql, params?: readonly unknown[]): Promise<readonly IndexSuggestion[]> {
    const checked = await check(statement, params)
    return await withPlanner(this.#db, this.#limits, (session, settings) =>
      suggestIndexes(checked, { session, settings }),
    )
  }
}

function check(statement: string | Sql, params: readonly unknown[] | undefined): Promise<CheckedStatement> {
  if (typeof statement === 'object' && statement !== null)
    return checkStatement(statement.text, params ?? statement.values)
  return checkStatement(statement, params)
}

/** What the same statement costs with its values, and for any. Not worth failing for. */
async function compareGeneric(
  session: Session,
  settings: PlannerSettings,
  statement: CheckedStatement,
): Promise<{ readonly generic: number; readonly custom: number } | undefined> {
  if (statement.parameterCount === 0 || statement.params === undefined) return undefined
  await session.query({ text: 'savepoint generic', values: [] })
  try {
    const cost = async (generic: boolean): Promise<number> => {
      const [answer] = await explainOn(session, settings, statement, { analyze: false, format: 'json', generic })
      return readPlan(answer).root.cost.total
    }
    return { custom: await cost(false), generic: await cost(true) }
  } catch {
    await session.query({ text: 'rollback to savepoint generic', values: [] })
    return undefined
  } finally {
    await session.query({ text: 'release savepoint generic', values: [] })
  }
}

/** Where a pool leads, for the message of an error. */
function targetOf(pool: PgPool): DbTarget {
  const { options = {} } = pool as { readonly options?: Readonly<Record<string, unknown>> }
  const text = (value: unknown, otherwise: string): string => (typeof value === 'string' ? value : otherwise)
  return {
    host: text(options['host'], 'the server of the pool'),
    port: Number(options['port'] ?? 5_432),
    database: text(options['database'], ''),
    user: text(options['user'], ''),
  }
}
