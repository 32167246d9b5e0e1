// What a reader was asked for: which rows of a history, which of their columns, and in which tiers it looks for them.

import { StrataError } from '../../base/errors.ts'
import { quoteIdent } from '../../sql/quote.ts'
import { sql, type Sql } from '../../sql/sql.ts'
import type { TierObjects } from '../history/objects.ts'
import type { SourceColumn } from '../model/columns.ts'

/** `hot`: in the table. `warm`: packed. `cold`: archived, and in the database no more. */
const readTiers = ['hot', 'warm', 'cold'] as const
export type ReadTier = (typeof readTiers)[number]

export interface Asked {
  /** From then on, and before then, of the column that the table is partitioned by; undefined: no bound. */
  readonly from: unknown
  readonly to: unknown
  /** Columns and what they are equal to; null: they are null. */
  readonly where: Readonly<Record<string, unknown>>
  /** Undefined: all. */
  readonly columns: readonly string[] | undefined
  readonly tiers: ReadonlySet<ReadTier>
}

export const everything: Asked = {
  from: undefined,
  to: undefined,
  where: {},
  columns: undefined,
  tiers: new Set(readTiers),
}

export function columnNamed({ table, columns }: Pick<TierObjects, 'table' | 'columns'>, name: string): SourceColumn {
  const found = columns.find((column) => column.name === name)
  if (found !== undefined) return found
  throw new StrataError('VALUE_INVALID', {
    message: `Table ${table.schema}.${table.table} has no column ${JSON.stringify(name)}`,
    expected: columns.map((column) => column.name).join(', '),
  })
}

/** In the order in which they were named. */
export function columnsAsked(objects: TierObjects, { columns }: Asked): readonly SourceColumn[] {
  return columns === undefined ? objects.columns : columns.map((name) => columnNamed(objects, name))
}

/** What is asked of a row, beside its place in time. */
export function filtersOf(objects: TierObjects, { where }: Asked): readonly Filter[] {
  return Object.entries(where).map(([name, value]) => ({ column: columnNamed(objects, name), value }))
}

export interface Filter {
  readonly column: SourceColumn
  readonly value: unknown
}

/** `value`: SQL of the column. */
export function isMatch({ column, value }: Filter, of: string): Sql {
  return value === null || value === undefined
    ? sql`${sql.raw(of)} is null`
    : sql`${sql.raw(of)} = ${value}::${sql.raw(column.type)}`
}

/** Bounds of the column that the table is partitioned by, as SQL takes them. */
export interface Interval {
  readonly since: unknown
  readonly until: unknown
}

export function intervalOf({ from, to }: Asked): Interval {
  return { since: from ?? undefined, until: to ?? undefined }
}

/** A condition for each bound; `of`: SQL of the column. */
export function isWithin({ axis }: Pick<TierObjects, 'axis'>, { since, until }: Interval, of: string): readonly Sql[] {
  return [
    ...(since === undefined ? [] : [sql`${sql.raw(of)} >= ${since}::${sql.raw(axis.type)}`]),
    ...(until === undefined ? [] : [sql`${sql.raw(of)} < ${until}::${sql.raw(axis.type)}`]),
  ]
}

export function allOf(conditions: readonly Sql[]): Sql {
  return conditions.length === 0 ? sql`true` : sql.join(conditions, '\n  and ')
}

export function inRow(row: string, { name }: Pick<SourceColumn, 'name'>): string {
  return `${row}.${quoteIdent(name)}`
}
