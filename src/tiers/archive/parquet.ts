// One piece of CSV as a file of Parquet, and one file of Parquet as CSV again. The text of every value goes in, and comes out the
// same: where the value does not give its text back, the text stands beside it.

import { canonicalOf, isList, textWithScale, type Canonical } from './canonical.ts'
import { StrataError } from '../../base/errors.ts'
import { quoteName, quoteText, type Duck } from './duck.ts'
import type { CsvPiece } from './split-csv.ts'
import { readStats, type FileStats } from './stats.ts'
import type { ArchivedColumn } from './types.ts'

const staged = 'staged'
const rowGroup = 122_880
const leastLineBytes = 2 * 1024 ** 2

/** Names for what stands beside the columns for a while. No column has one of them. */
interface Beside {
  readonly text: (index: number) => string
  readonly json: (index: number) => string
  readonly mark: string
}

function besideOf(columns: readonly ArchivedColumn[]): Beside {
  const taken = columns.flatMap(({ field, exceptions, scales = '' }) => [field, exceptions, scales])
  let prefix = 'pgstrata_'
  while (taken.some((name) => name.toLowerCase().startsWith(prefix))) prefix += '_'
  return { text: (index) => `${prefix}t${index}`, json: (index) => `${prefix}j${index}`, mark: `${prefix}mark` }
}

/** The columns of the CSV: of each its text, then of each list its JSON. A record is never an empty line: it begins with a mark. */
function csvColumns(columns: readonly ArchivedColumn[], { mark, text, json }: Beside): readonly string[] {
  const lists = columns.flatMap(({ canonical }, index) => (isList(canonical) ? [json(index)] : []))
  return [mark, ...columns.map((_, index) => text(index)), ...lists]
}

/** Reads the piece, writes the file. */
export async function writeParquet(
  duck: Duck,
  {
    piece,
    path,
    columns,
  }: { readonly piece: CsvPiece; readonly path: string; readonly columns: readonly ArchivedColumn[] },
): Promise<FileStats> {
  const beside = besideOf(columns)
  const texts = columns.map((_, index) => beside.text(index))
  const values = columns.flatMap((column, index) => stagedValue(column, index, beside))
  const kept = columns.map(
    (column, index) => `${exceptionOf(column, beside.text(index))} as ${quoteName(column.exceptions)}`,
  )
  await duck.run(`create or replace temp table ${staged} as
    select * exclude (${texts.join(', ')}), ${kept.join(', ')}
    from (select ${[...values, ...texts].join(', ')} from ${readCsv(piece, csvColumns(columns, beside))})`)
  const stats = await readStats(duck, columns, staged)
  const wanted = columns.flatMap(({ name, field, scales, exceptions }) => [
    field,
    ...(scales === undefined ? [] : [scales]),
    ...((stats[name]?.exceptions ?? 0) > 0 ? [exceptions] : []),
  ])
  await duck.run(`copy (select ${wanted.map(quoteName).join(', ')} from ${staged})
    to ${quoteText(path)} (format parquet, compression zstd, row_group_size ${rowGroup})`)
  await duck.run(`drop table ${staged}`)
  return stats
}

function readCsv(piece: CsvPiece, columns: readonly string[]): string {
  const names = columns.map((name) => `'${name}': 'VARCHAR'`)
  const line = Math.max(leastLineBytes, piece.longest * 2)
  return `read_csv(${quoteText(piece.path)}, auto_detect = false, header = false, columns = {${names.join(', ')}},
    delim = ',', quote = '"', escape = '"', new_line = '\\n', nullstr = '', allow_quoted_nulls = false, parallel = false,
    strict_mode = true, max_line_size = ${line}, buffer_size = ${line * 4})`
}

function stagedValue(column: ArchivedColumn, index: number, beside: Beside): readonly string[] {
  const rule = ruleOf(column)
  const text = beside.text(index)
  const value = `${rule.value(isList(column.canonical) ? beside.json(index) : text)} as ${quoteName(column.field)}`
  if (column.scales === undefined) return [value]
  const digits = `cast(length(split_part(${text}, '.', 2)) as utinyint)`
  return [value, `case when ${rule.value(text)} is not null then ${digits} end as ${quoteName(column.scales)}`]
}

function exceptionOf(column: ArchivedColumn, text: string): string {
  return `case when ${canonicalText(column)} is distinct from ${text} then ${text} end`
}

function canonicalText(column: ArchivedColumn): string {
  const { field, scales, canonical } = column
  const value = quoteName(field)
  if (scales === undefined) return ruleOf(column).text(value)
  const greatest = Number(/,(\d+)\)$/.exec(canonical)?.[1] ?? 0)
  return textWithScale(value, quoteName(scales), greatest)
}

/** The text of a column, as PostgreSQL wrote it. */
function textOf(column: ArchivedColumn, hasExceptions: boolean): string {
  const text = canonicalText(column)
  return hasExceptions ? `coalesce(${quoteName(column.exceptions)}, ${text})` : text
}

/** A record begins with a mark, for a single null would be an empty line. */
export async function writeCsv(
  duck: Duck,
  file: {
    readonly path: string
    readonly csv: string
    readonly columns: readonly ArchivedColumn[]
    readonly stats: FileStats
    readonly isMarked: boolean
  },
): Promise<void> {
  const { text, mark } = besideOf(file.columns)
  const texts = file.columns.map(
    (column, index) => `${textOf(column, (file.stats[column.name]?.exceptions ?? 0) > 0)} as ${text(index)}`,
  )
  await duck.run(`copy (select ${[...(file.isMarked ? [`'1' as ${mark}`] : []), ...texts].join(', ')} from read_parquet(${quoteText(file.path)}))
    to ${quoteText(file.csv)} (format csv, header false, force_quote *, nullstr '')`)
}

function ruleOf({ name, canonical }: ArchivedColumn): Canonical {
  const rule = canonicalOf(canonical)
  if (rule !== undefined) return rule
  throw new StrataError('ARCHIVE_SCHEMA', {
    message: `Column ${name} is archived in a way that this version does not know`,
    expected: 'a rule of format 1',
    got: `'${canonical}'`,
  })
}
