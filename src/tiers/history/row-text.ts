// Rows compared as a whole, and rows with their computed columns, as SQL.
//
// Rows are compared by their text: equality would take 1.0 for 1.00, and some types have none. Functions that compare set
// `extra_float_digits`, under which every float has a text of its own.

import { quoteIdent } from '../../sql/quote.ts'
import type { SourceColumn } from '../model/columns.ts'
import { columnsOf, writtenOf, type TierObjects } from './objects.ts'

/** Of the columns that are written; `row`: an alias, or a variable. */
export function textOf(row: string, columns: readonly { readonly name: string }[]): string {
  return `row(${columnsOf(row, columns)})::text`
}

export function isSameRow(objects: TierObjects, left: string, right: string): string {
  const written = writtenOf(objects)
  return `${textOf(left, written)} = ${textOf(right, written)}`
}

/** One row under the name of the table, with what is computed of it: expressions of the table can be asked of it. */
function rowAsTable(objects: TierObjects, row: string): string {
  const { table, columns, facts } = objects
  const name = quoteIdent(table.table)
  const written = writtenOf(objects)
  const values = written.map((column) => `${row}.${quoteIdent(column.name)} as ${quoteIdent(column.name)}`)
  const plain = `(select ${values.join(', ')}) as ${name}`
  if (written.length === columns.length) return plain
  const all = columns.map((column) => computed(column, facts.generated[column.name], name))
  return `(select ${all.join(', ')} from ${plain}) as ${name}`
}

function computed({ name, type }: SourceColumn, expression: string | undefined, table: string): string {
  const quoted = quoteIdent(name)
  return expression === undefined ? `${table}.${quoted}` : `(${expression})::${type} as ${quoted}`
}

/** An expression over the columns by their bare names, of one row. */
export function ofRow(objects: TierObjects, row: string, expression: string): string {
  return `(select ${expression} from ${rowAsTable(objects, row)})`
}
