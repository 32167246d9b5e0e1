// What a statement is answered with, and statements that know the type of their rows.

import type pg from 'pg'
import type { Sql } from '../../sql/sql.ts'
import type { Result } from '../db.ts'

export interface AnswerField {
  readonly name: string
  /** The oid of its type; of a domain, that of its base type. */
  readonly typeOid: number
}

export interface QueryAnswer<Row> extends Result<Row> {
  readonly fields: readonly AnswerField[]
}

declare const rowType: unique symbol

/** A statement, and the type that its rows are said to have. */
export interface TypedSql<Row extends object> extends Sql {
  readonly [rowType]?: Row
}

/**
 * Says what the rows of a statement are; nothing is checked.
 *
 *     const plays = typed<{ id: number }>(sql`select id from plays`)
 */
export function typed<Row extends object>(statement: Sql): TypedSql<Row> {
  return statement
}

/** The rows that a statement was said to have. */
export type RowOf<Statement> = Statement extends { readonly [rowType]?: infer Row }
  ? [unknown] extends [Row]
    ? Record<string, unknown>
    : Exclude<Row, undefined>
  : Record<string, unknown>

/** Of several statements in one text, the last one's. */
export function answerOf<Row>(result: pg.QueryResult | readonly pg.QueryResult[] | undefined): QueryAnswer<Row> {
  const last = Array.isArray(result)
    ? (result.at(-1) as pg.QueryResult | undefined)
    : (result as pg.QueryResult | undefined)
  return {
    rows: (last?.rows ?? []) as readonly Row[],
    rowCount: last?.rowCount ?? 0,
    fields: (last?.fields ?? []).map(({ name, dataTypeID }) => ({ name, typeOid: dataTypeID })),
  }
}
