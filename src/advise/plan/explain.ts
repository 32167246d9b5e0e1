// EXPLAIN, asked in a way that leaves nothing behind. Promises: it runs in a transaction that is always rolled back, under a
// statement_timeout and a lock_timeout; on a StrataPool that is the primary, for it begins with BEGIN. A statement is run only
// where `analyze` says so, and one that does what a rollback does not undo is refused.
// On failure: a StrataError by SQLSTATE; what the server says of values is left out.

import { StrataError } from '../../base/errors.ts'
import { formatDuration } from '../../base/units.ts'
import type { Db, Session } from '../../db/db.ts'
import { explainGeneric } from '../../db/generic-plan.ts'
import { rollback } from '../../db/transaction.ts'
import { translateError } from '../../db/translate.ts'
import { sql, type Sql } from '../../sql/sql.ts'
import { sqlstate, sqlstateOf } from '../../sql/sqlstate.ts'
import type { CheckedStatement } from './statement.ts'

export interface ExplainLimits {
  /** Of each statement. */
  readonly timeoutMs: number
  readonly lockTimeoutMs: number
}

export interface PlannerSettings {
  readonly versionNum: number
  /** By name, as numbers in their own units. */
  readonly of: Readonly<Record<string, string>>
}

export async function withPlanner<T>(
  db: Db,
  { timeoutMs, lockTimeoutMs }: ExplainLimits,
  work: (session: Session, settings: PlannerSettings) => Promise<T>,
): Promise<T> {
  try {
    return await db.withSession(async (session) => {
      await session.query(sql`begin`)
      try {
        await session.query(sql`
          select set_config('statement_timeout', ${String(Math.ceil(timeoutMs))}, true),
            set_config('lock_timeout', ${String(Math.ceil(lockTimeoutMs))}, true)`)
        return await work(session, await readSettings(session))
      } finally {
        await rollback(session)
      }
    })
  } catch (error) {
    throw explainError(error, timeoutMs)
  }
}

const settingNames = [
  'block_size',
  'work_mem',
  'hash_mem_multiplier',
  'shared_buffers',
  'max_parallel_workers',
  'max_worker_processes',
  'random_page_cost',
  'seq_page_cost',
  'cpu_tuple_cost',
  'cpu_index_tuple_cost',
  'cpu_operator_cost',
]

async function readSettings(session: Session): Promise<PlannerSettings> {
  const { rows } = await session.query<{ name: string; setting: string }>(sql`
    select name, setting from pg_settings where name = any (${[...settingNames, 'server_version_num']})`)
  const of = Object.fromEntries(rows.map(({ name, setting }) => [name, setting]))
  return { versionNum: Number(of['server_version_num'] ?? 0), of }
}

export interface ExplainChoice {
  readonly analyze: boolean
  readonly format: 'text' | 'json'
  /** Plan for any values, though some are given. */
  readonly generic?: boolean
}

/** The lines of the text, or one item: the plan. */
export async function explainOn(
  session: Session,
  { versionNum }: PlannerSettings,
  statement: CheckedStatement,
  choice: ExplainChoice,
): Promise<readonly unknown[]> {
  const generic = statement.parameterCount > 0 && (choice.generic === true || statement.params === undefined)
  if (generic && choice.analyze) {
    throw new StrataError('VALUE_INVALID', {
      message: 'A statement is run with values, and none were given',
      expected: `${statement.parameterCount} of them`,
      advice: 'Give one value for each $n; without running it, explain() plans it for any values.',
    })
  }
  const options = optionsOf(choice, versionNum)
  if (!generic) return await ask(session, `explain (${options}) ${statement.text}`, statement.params ?? [])
  const major = Math.floor(versionNum / 10_000)
  const query = async (asked: Sql): Promise<readonly PlanRow[]> => (await session.query<PlanRow>(asked)).rows
  return plansOf(await explainGeneric(query, { text: statement.text, major, options }))
}

function optionsOf({ analyze, format }: ExplainChoice, versionNum: number): string {
  return [
    ...(analyze ? ['analyze', 'buffers'] : []),
    ...(analyze && format === 'json' && versionNum >= 170_000 ? ['serialize text'] : []),
    ...(format === 'json' ? ['verbose'] : []),
    'settings',
    `format ${format}`,
  ].join(', ')
}

async function ask(session: Session, text: string, values: readonly unknown[]): Promise<readonly unknown[]> {
  return plansOf((await session.query<PlanRow>({ text, values })).rows)
}

type PlanRow = Readonly<Record<string, unknown>>

function plansOf(rows: readonly PlanRow[]): readonly unknown[] {
  return rows.map((row) => row['QUERY PLAN'])
}

/** What the server says of names (class 42) helps and shows no value; of values it says them. */
function explainError(error: unknown, timeoutMs: number): unknown {
  if (error instanceof StrataError) return error
  const state = sqlstateOf(error)
  if (state === sqlstate.queryCanceled) {
    return new StrataError('QUERY_TIMEOUT', {
      message: `The statement was stopped after ${formatDuration(timeoutMs)}; nothing of it remains`,
      advice: 'Explain it without running it, or give it more time.',
      cause: error,
    })
  }
  const translated = translateError(error)
  if (translated instanceof StrataError || state === undefined) return translated
  const said = state.startsWith('42') && error instanceof Error ? error.message : `SQLSTATE ${state}`
  return new StrataError('EXPLAIN_FAILED', {
    message: `The server does not take the statement (${said})`,
    details: { sqlstate: state },
    cause: state.startsWith('42') ? error : undefined,
  })
}
