// ANALYZE and VACUUM of one table, by name.
// What must be true: the name is a table, found as the server would find it, and written back with each part quoted; a string is
// one part, whatever is in it. They wait 5 s for the table, and nobody who reads or writes waits for them. What the session had set
// is set again when they are through; where nobody can know whose session it is, VACUUM is refused.

import { StrataError } from '../../base/errors.ts'
import { quoteQualified } from '../../sql/quote.ts'
import { sqlstate, sqlstateOf } from '../../sql/sqlstate.ts'
import { sql } from '../../sql/sql.ts'
import type { Db } from '../../db/db.ts'
import { onOneClient, onOneSession, type AnyPool, type Ask, type OnClient } from '../../db/own-questions.ts'

/** 'plays', found by the search_path; or its parts: ['analytics', 'Plays']. */
export type TableName = string | readonly [schema: string, table: string]

export interface UpkeepReport {
  /** Quoted, with its schema. */
  readonly table: string
  readonly tookMs: number
}

export interface UpkeepTools {
  readonly pool: AnyPool
  /** Past any pooler; undefined: there is only the pool. */
  readonly direct: Db | AnyPool | undefined
  readonly ask: Ask
  readonly monotonic: () => number
}

export async function tendTable(
  { pool, direct, ask, monotonic }: UpkeepTools,
  how: 'analyze' | 'vacuum',
  name: TableName,
): Promise<UpkeepReport> {
  const table = await findTable(ask, name)
  const sinceMs = monotonic()
  const work = how === 'analyze' ? (on: OnClient) => analyze(on, table) : (on: OnClient) => vacuum(on, table)
  try {
    await (direct !== undefined && 'withSession' in direct
      ? onOneSession(direct, work)
      : onOneClient(direct ?? pool, work))
  } catch (error) {
    if (sqlstateOf(error) !== sqlstate.lockNotAvailable) throw error
    throw new StrataError('LOCK_TIMEOUT', {
      message: `${table} is being vacuumed, analyzed or changed by somebody else`,
      cause: error,
    })
  }
  return { table, tookMs: monotonic() - sinceMs }
}

/** In a transaction, so that a pooler may stand in between. */
async function analyze(on: OnClient, table: string): Promise<void> {
  await on.query(sql`begin`)
  try {
    await setLimits(on, true)
    await on.query(sql`analyze ${sql.raw(table)}`)
    await on.query(sql`commit`)
  } catch (error) {
    // What failed is told, not that the connection was lost with it.
    await on.query(sql`rollback`).catch(() => undefined)
    throw error
  }
}

/** VACUUM stands in no transaction, so its limits are the session's: which has to be ours until they are what they were. */
async function vacuum(on: OnClient, table: string): Promise<void> {
  if (await on.isPooled()) {
    throw new StrataError('DATABASE_POOLER', {
      message: 'A pooler stands in between: what VACUUM needs set on its session could stay there, for others',
      advice:
        'Give the monitor a way to the server itself: new DatabasePerformanceMonitor(pool, { direct: anotherPool }).',
    })
  }
  const before = await setLimits(on, false)
  const putBack = async (): Promise<void> => {
    await on.query(sql`
      select set_config(name, setting, false)
      from unnest(${before.map(({ name }) => name)}::text[], ${before.map(({ setting }) => setting)}::text[]) as b (name, setting)`)
  }
  try {
    await on.query(sql`vacuum (analyze) ${sql.raw(table)}`)
  } catch (error) {
    // What failed is told, not that the connection was lost with it.
    await putBack().catch(() => undefined)
    throw error
  }
  await putBack()
}

type Limit = Readonly<Record<'name' | 'setting', string>>

/** Five seconds for the lock; what a statement or a transaction of the application may take is no measure for this. As they were. */
async function setLimits(on: OnClient, isLocal: boolean): Promise<readonly Limit[]> {
  return await on.query(sql`
    select name, setting, set_config(name, case name when 'lock_timeout' then '5s' else '0' end, ${isLocal})
    from pg_settings
    where name in ('lock_timeout', 'statement_timeout', 'transaction_timeout')`)
}

async function findTable(ask: Ask, name: TableName): Promise<string> {
  const parts = typeof name === 'string' ? [name] : name
  const quoted = quoteQualified(...(parts as [string, ...string[]]))
  const [row] = await ask<{ readonly schema: string; readonly table: string }>(sql`
    select n.nspname::text as schema, c.relname::text as table
    from pg_class c
      join pg_namespace n on n.oid = c.relnamespace
    where c.oid = to_regclass(${quoted}) and c.relkind in ('r', 'p', 'm')`)
  if (row !== undefined) return quoteQualified(row.schema, row.table)
  throw new StrataError('TABLE_UNKNOWN', {
    message: `There is no table ${quoted}`,
    advice:
      typeof name === 'string' && name.includes('.')
        ? 'A string is the name of a table alone; of one in a schema give the parts: ["schema", "table"].'
        : 'Names are exact, also in upper and lower case. Of a table outside of the search_path give ["schema", "table"].',
  })
}
