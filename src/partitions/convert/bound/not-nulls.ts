// NOT NULL: of which columns the new table needs it, what it is called, and, from 18 on, where it is a constraint, what is
// said of it besides: that it was not validated, a comment.

import type { ColumnRow } from '../../../catalog/dump/columns.ts'
import { renderComment } from '../../../catalog/dump/attributes.ts'
import { readRows } from '../../../catalog/dump/reading.ts'
import { quoteIdent } from '../../../sql/quote.ts'
import { sql } from '../../../sql/sql.ts'
import { bare, type Bound } from './context.ts'
import { carried, refused, type BoundItem } from './item.ts'
import { ownPrefix } from './names.ts'

/** A row without it would be in no range; and what a primary key or a replica identity holds is never null. */
export function requiredColumns(bound: Bound): readonly string[] {
  if (bound.hasPrimaryKey || bound.row.replicaIdentity === 'i') return bound.partitionColumns
  return bound.subject.layout.kind === 'hash' ? [] : bound.partitionColumns.slice(0, 1)
}

/** From 18 on a NOT NULL that is not validated holds for new rows alone. */
export function isNeverNull(column: ColumnRow): boolean {
  return column.notNull && (column.notNullName !== null || column.notNullPlain)
}

export interface NotNullRow {
  readonly name: string
  readonly column: string
  readonly validated: boolean
  readonly noInherit: boolean
  readonly comment: string | null
}

export async function readNotNulls(bound: Bound): Promise<readonly NotNullRow[]> {
  if (bound.reading.version < 180_000) return []
  return await readRows<NotNullRow>(
    bound.reading,
    sql`
    select quote_ident(con.conname) as name,
      quote_ident(a.attname) as column,
      con.convalidated as validated,
      con.connoinherit as "noInherit",
      obj_description(con.oid, 'pg_constraint') as comment
    from pg_constraint con
    join pg_attribute a on a.attrelid = con.conrelid and a.attnum = con.conkey[1]
    where con.conrelid = ${bound.row.oid}::oid
      and con.contype = 'n'
      and not starts_with(con.conname::text, ${ownPrefix})
    order by con.conname`,
  )
}

/** Its own, if it is there and was only not validated; else the one that the server would give, unless it is taken. */
export function nameOfNotNull(bound: Bound, column: ColumnRow, rows: readonly NotNullRow[]): string {
  const own = rows.find((row) => row.column === column.name)
  if (own !== undefined) return own.name
  const plain = column.name.startsWith('"') ? column.name.slice(1, -1).replaceAll('""', '"') : column.name
  const name = `${bound.subject.names.table}_${plain}_not_null`
  const isFree = !bound.constraintNames.includes(name)
  return quoteIdent(isFree && Buffer.byteLength(name) <= 63 ? name : bound.ownName('null', plain))
}

/** By the validated check that is there; but one that is not validated would be, by reading the table: it is made anew. */
export function setNotNull(table: string, column: string, rows: readonly NotNullRow[]): string {
  const own = rows.find((row) => row.column === column)
  return own === undefined
    ? `alter table ${table} alter column ${column} set not null`
    : `alter table ${table} drop constraint ${own.name}, add constraint ${own.name} not null ${column}`
}

/** Of those that are more than NOT NULL with a name. */
export function renderNotNulls(bound: Bound, rows: readonly NotNullRow[]): readonly BoundItem[] {
  return rows
    .filter((row) => row.noInherit || !row.validated || row.comment !== null)
    .map((row) => renderNotNull(bound, row))
}

function renderNotNull(bound: Bound, row: NotNullRow): BoundItem {
  const told = { kind: 'not null constraint', name: row.name }
  if (row.noInherit) {
    return refused(
      { ...told, how: `It is NO INHERIT: it would not hold in partitions, where all rows are.` },
      `alter table ${bound.self} alter constraint ${row.name} inherit`,
    )
  }
  const isRequired = requiredColumns(bound).includes(row.column)
  const add = (table: string): string =>
    `alter table ${table} drop constraint if exists ${row.name}, add constraint ${row.name} not null ${row.column} not valid`
  const late = !row.validated && !isRequired
  // Rows that have none may be copied yet.
  const phase = bound.subject.method === 'copy' ? 'adopt' : 'prepare'
  const comments = renderComment(bound.reading, `constraint ${row.name} on ${bound.self}`, row.comment).map(bare)
  const added = late ? [add(phase === 'adopt' ? bound.self : bound.incoming)] : []
  const how = late ? 'It is added again, not validated as it is.' : 'It keeps its name and comment.'
  return carried(
    { ...told, how },
    { statements: phase === 'adopt' ? { adopt: [...added, ...comments] } : { prepare: added, adopt: comments } },
  )
}
