// ANALYZE and VACUUM of one table, by name.
// What must be true: the name is a table, found as the server would find it, and written back with each part quoted; a string is
// one part, whatever is in it. They wait 5 s for the table, and nobody who reads or writes waits for them.

import { StrataError } from '../../base/errors.ts'
import { quoteQualified } from '../../sql/quote.ts'
import { sqlstate, sqlstateOf } from '../../sql/sqlstate.ts'
import { sql } from '../../sql/sql.ts'
import { onOneClient, type Ask, type AnyPool } from '../../db/own-questions.ts'

/** 'plays', found by the search_path; or its parts: ['analytics', 'Plays']. */
export type TableName = string | readonly [schema: string, table: string]

export interface UpkeepReport {
  /** Quoted, with its schema. */
  readonly table: string
  readonly tookMs: number
}

export async function tendTable(
  tools: { readonly pool: AnyPool; readonly ask: Ask; readonly monotonic: () => number },
  how: 'analyze' | 'vacuum',
  name: TableName,
): Promise<UpkeepReport> {
  const table = await findTable(tools.ask, name)
  const sinceMs = tools.monotonic()
  try {
    await onOneClient(tools.pool, async (on) => {
      await on.query(sql`set lock_timeout = '5s'`)
      await on.query(how === 'analyze' ? sql`analyze ${sql.raw(table)}` : sql`vacuum (analyze) ${sql.raw(table)}`)
      await on.query(sql`reset lock_timeout`)
    })
  } catch (error) {
    if (sqlstateOf(error) !== sqlstate.lockNotAvailable) throw error
    throw new StrataError('LOCK_TIMEOUT', {
      message: `${table} is being vacuumed, analyzed or changed by somebody else`,
      cause: error,
    })
  }
  return { table, tookMs: tools.monotonic() - sinceMs }
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
