// Statements of Drizzle's `sql` on whatever sends statements: the whole of pgstrata, one of its transactions, or the connections of a job.
// Errors come as the server gave them: Drizzle's own repeat the parameters of the statement.

import type { SQL } from 'drizzle-orm'
import { PgDialect } from 'drizzle-orm/pg-core'
import type { Queryable } from 'pgstrata'

const dialect = new PgDialect()

export interface Statement {
  readonly text: string
  readonly values: readonly unknown[]
}

export function compile(statement: SQL): Statement {
  const { sql: text, params: values } = dialect.sqlToQuery(statement)
  return { text, values }
}

export async function ask<Row extends object>(on: Queryable, statement: SQL): Promise<readonly Row[]> {
  return (await on.query<Row>(compile(statement))).rows
}
