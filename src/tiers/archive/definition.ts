// Statements that make a table for archived rows, for a database that has never had it: its columns, and the enums among their
// types. Other types of somebody's own making have to be there.

import { quoteLiteral, quoteQualified, quoteIdent } from '../../sql/quote.ts'
import type { ArchivedColumn } from './types.ts'

export function definitionOf(table: TableName, columns: readonly ArchivedColumn[]): string {
  const types = typeDefinitions(columns).map(({ statement }) => `${statement};`)
  return [...types, `${tableDefinition(table, columns)};`].join('\n')
}

interface TableName {
  readonly schema: string
  readonly table: string
}

export function typeDefinitions(
  columns: readonly ArchivedColumn[],
): readonly { readonly type: string; readonly statement: string }[] {
  const enums = new Map(
    columns.flatMap(({ pgType, labels }) => (labels === undefined ? [] : [[pgType, labels] as const])),
  )
  return [...enums].map(([type, labels]) => ({
    type,
    statement: `create type ${type} as enum (${labels.map(quoteLiteral).join(', ')})`,
  }))
}

export function tableDefinition({ schema, table }: TableName, columns: readonly ArchivedColumn[]): string {
  const list = columns.map(({ name, pgType, collation, notNull }) =>
    [
      `  ${quoteIdent(name)} ${pgType}`,
      ...(collation === undefined ? [] : [`collate ${collation}`]),
      ...(notNull ? ['not null'] : []),
    ].join(' '),
  )
  return `create table ${quoteQualified(schema, table)} (\n${list.join(',\n')}\n)`
}
