// The rows of a partition in the order of its segments, in a table of this transaction alone, each with the segment that it is in.
//
// Promise: a segment has at most as many rows as asked, about 8 MB at most unless a single row is larger, and of every key one
// value, told by how it looks. A segment's number is that of its first row.

import type { Session } from '../../db/db.ts'
import { quoteIdent } from '../../sql/quote.ts'
import { sql } from '../../sql/sql.ts'
import type { SourceColumn } from '../model/columns.ts'
import type { SegmentOrder } from '../model/options.ts'
import { exactly, isSmall, kindOf, textOf } from './kinds.ts'

/** Rows, with pgstrata_n (their place) and pgstrata_cut (their segment). */
export const sorted = 'pg_temp.pgstrata_sorted'

export interface SortQuestion {
  readonly source: string
  readonly columns: readonly SourceColumn[]
  /** Of all rows, whether segments have them in common or not. */
  readonly segmentBy: readonly string[]
  readonly orderBy: readonly SegmentOrder[]
  /** Where one of them changes, another segment begins. */
  readonly keys: readonly string[]
  readonly rows: number
}

const mostBytes = 8 * 1024 ** 2
/** Room for how often a segment was cut because of its size. */
const heavyBits = 20
/** Of what is compressed, this much may come out. */
const growth = 16

export async function sortRows(tx: Session, asked: SortQuestion): Promise<void> {
  await tx.query(sql.raw(`create temp table pgstrata_sorted on commit drop as\n${sortedRows(asked)}`))
  await tx.query(sql.raw(`create index on ${sorted} (pgstrata_cut)`))
  await tx.query(sql.raw(`analyze ${sorted} (pgstrata_cut)`))
}

function sortedRows(asked: SortQuestion): string {
  const { source, columns, segmentBy, orderBy, keys, rows } = asked
  const list = columns.map(({ name }) => quoteIdent(name)).join(', ')
  const typeOf = (name: string): string => columns.find((column) => column.name === name)?.type ?? ''
  const looks = columns.filter((column) => segmentBy.includes(column.name) && hasLooks(column))
  const shown = looks.map(({ name, type }, index) => `${textOf(type, quoteIdent(name))} as pgstrata_look_${index}`)
  const order = [
    ...segmentBy.map((name) => quoteIdent(name)),
    ...looks.map((_, index) => `pgstrata_look_${index}`),
    ...orderBy.map(({ column, descending }) => `${quoteIdent(column)}${descending ? ' desc' : ''}`),
  ].join(', ')
  const changes = keys.map((name) => {
    const value = exactly(typeOf(name), quoteIdent(name))
    return `${value} is distinct from lag(${value}) over w`
  })
  const sizes = columns.filter(({ type }) => !isSmall(type)).map(sizeOf)
  const size = sizes.length === 0 ? '0' : sizes.join(' + ')
  return `select ${list}, pgstrata_n,
  ((pgstrata_first + (pgstrata_n - pgstrata_first) / ${rows} * ${rows}) << ${heavyBits}) + (pgstrata_total - pgstrata_before) / ${mostBytes} as pgstrata_cut
from (
  select *,
    max(case when pgstrata_fresh then pgstrata_n end) over v as pgstrata_first,
    max(case when pgstrata_fresh then pgstrata_total - pgstrata_size end) over v as pgstrata_before
  from (
    select *, row_number() over w as pgstrata_n,
      ${['row_number() over w = 1', ...changes].join('\n      or ')} as pgstrata_fresh,
      (sum(pgstrata_size) over (w rows unbounded preceding))::int8 as pgstrata_total
    from (
      select ${[list, ...shown].join(', ')}, (${size})::int8 as pgstrata_size
      from ${source}
    ) as r
    window w as (order by ${order})
  ) as r
  window v as (order by ${order}, pgstrata_n rows unbounded preceding)
) as r`
}

/** Values that are equal may look different, and have to lie side by side with those that look the same. */
function hasLooks({ type, collation }: SourceColumn): boolean {
  return kindOf(type) === 'text' ? collation !== undefined : exactly(type, 'v') !== 'v'
}

/** Without reading what is stored out of line. */
function sizeOf({ name, type }: SourceColumn): string {
  const value = quoteIdent(name)
  return kindOf(type) === 'text' || type === 'bytea'
    ? `coalesce(octet_length(${value}), 0)`
    : `coalesce(pg_column_size(${value}) * case when pg_column_compression(${value}) is null then 1 else ${growth} end, 0)`
}
