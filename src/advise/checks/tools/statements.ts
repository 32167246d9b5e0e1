// Where pg_stat_statements is, in whichever schema, and why it cannot be asked.

import type { Queryable } from '../../../db/db.ts'
import { sql, type Sql } from '../../../sql/sql.ts'
import type { NodeFacts } from '../../../watch/index.ts'

export function withoutStatements({ extensions }: NodeFacts): string | undefined {
  return extensions.has('pg_stat_statements')
    ? undefined
    : 'not available because pg_stat_statements is not installed in this database'
}

/** The schema it is in, as an identifier; undefined: it has gone. */
export async function statementsSchema(on: Queryable): Promise<Sql | undefined> {
  const { rows } = await on.query<{ schema: string }>(sql`
    select n.nspname::text as schema
    from pg_extension e
    join pg_namespace n on n.oid = e.extnamespace
    where e.extname = 'pg_stat_statements'`)
  return rows[0] === undefined ? undefined : sql.ident(rows[0].schema)
}

/** A negative one would be taken for an option. */
export function explainCommand(queryid: string): string {
  return `pgstrata explain ${queryid.startsWith('-') ? '-- ' : ''}${queryid}`
}
