// One table of DuckDB over many files: of each archive with the columns that it has, under the names of the database.

import { StrataError } from '../../base/errors.ts'
import { canonicalOf } from './canonical.ts'
import { quoteName, quoteText } from './duck.ts'
import type { FileStats } from './stats.ts'
import type { ArchivedColumn } from './types.ts'

/** Files that have the same columns. */
export interface FileSet {
  readonly columns: readonly ArchivedColumn[]
  readonly files: readonly { readonly path: string; readonly stats: FileStats }[]
}

export interface ViewRequest {
  readonly schema: string
  readonly table: string
  readonly sets: readonly FileSet[]
  /** The partition's column, and what of it is asked for; undefined: all of it. */
  readonly axis: string | undefined
  readonly from?: string | undefined
  readonly to?: string | undefined
}

/** Under its own name, and under that with the schema. */
export function viewStatements(request: ViewRequest): readonly string[] {
  const { schema, table, sets } = request
  const types = typesOf(sets)
  if (types.size === 0) return []
  const selects = [
    // Without a file its columns are there all the same.
    `select ${[...types].map(([name, type]) => `cast(null as ${type}) as ${quoteName(name)}`).join(', ')} where false`,
    ...sets.flatMap(({ columns, files }) => files.map((file) => selectOf(columns, file))),
  ]
  const conditions = conditionsOf(request)
  const where = conditions.length === 0 ? '' : ` where ${conditions.join(' and ')}`
  const body = `select * from (${selects.join('\nunion all by name\n')}) as files${where}`
  const qualified = `${quoteName(schema)}.${quoteName(table)}`
  return [
    `create schema if not exists ${quoteName(schema)}`,
    `create or replace view ${qualified} as ${body}`,
    `create or replace view main.${quoteName(table)} as select * from ${qualified}`,
  ]
}

const typeOf = ({ canonical }: ArchivedColumn): string => canonicalOf(canonical)?.type ?? 'VARCHAR'

/** A numeric without limits is kept by what is in it. */
const emptyTypeOf = (column: ArchivedColumn): string =>
  column.base === 'numeric' && column.canonical === 'text' ? 'DECIMAL(38,8)' : typeOf(column)

const isEmpty = ({ stats }: FileSet['files'][number], { name }: ArchivedColumn): boolean => {
  const of = stats[name]
  return of !== undefined && of.count === 0 && of.exceptions === 0
}

const hasValues = ({ files }: FileSet, column: ArchivedColumn): boolean => files.some((file) => !isEmpty(file, column))

/** By column. Where there are no values, the type that a set has for them says nothing: others have it. */
function typesOf(sets: readonly FileSet[]): ReadonlyMap<string, string> {
  const types = new Map<string, string>()
  const known = new Set<string>()
  for (const set of sets) {
    for (const column of set.columns) {
      const isKnown = hasValues(set, column)
      if (isKnown ? !known.has(column.name) : !types.has(column.name))
        types.set(column.name, isKnown ? typeOf(column) : emptyTypeOf(column))
      if (isKnown) known.add(column.name)
    }
  }
  return types
}

function conditionsOf({ axis, from, to, sets }: ViewRequest): readonly string[] {
  if (axis === undefined || (from === undefined && to === undefined)) return []
  const asText = sets.some((set) =>
    set.columns.some(
      (column) =>
        column.name === axis && column.base === 'numeric' && column.canonical === 'text' && hasValues(set, column),
    ),
  )
  if (asText) throw tooLong(axis)
  const column = quoteName(axis)
  return [
    ...(from === undefined ? [] : [`${column} >= ${quoteText(from)}`]),
    ...(to === undefined ? [] : [`${column} < ${quoteText(to)}`]),
  ]
}

/** They are texts there, and would be compared as such. */
function tooLong(axis: string): StrataError {
  return new StrataError('ARCHIVE_QUERY', {
    message: `Numbers of ${axis} have more digits than DuckDB compares`,
    expected: 'at most 38 digits where `--from` or `--to` is given',
    advice: 'Leave both out, and compare in the statement.',
  })
}

/** What only the text says is taken where the type of DuckDB can say it; else the text stands in a column beside it. */
function selectOf(columns: readonly ArchivedColumn[], file: FileSet['files'][number]): string {
  const { path, stats } = file
  const list = columns.flatMap((column) => {
    const { name, field, exceptions } = column
    // Of any type.
    if (isEmpty(file, column)) return [`null as ${quoteName(name)}`]
    const hasExceptions = (stats[name]?.exceptions ?? 0) > 0
    if (!hasExceptions) return [`${quoteName(field)} as ${quoteName(name)}`]
    const text = quoteName(exceptions)
    return [
      `coalesce(${quoteName(field)}, try_cast(${text} as ${typeOf(column)})) as ${quoteName(name)}`,
      `${text} as ${quoteName(exceptions)}`,
    ]
  })
  return `select ${list.join(', ')} from read_parquet(${quoteText(path)})`
}
