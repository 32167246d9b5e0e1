// The rows of a pack with the columns that the table has now. A pack keeps the columns of its time; since then some may have come,
// gone, or been given another name or type.
//
// What holds: each column has the type and the collation that it has in the table, so that a union with it is not held up by casts.

import { quoteIdent, quoteLiteral } from '../../sql/quote.ts'
import type { SourceColumn } from '../model/columns.ts'
import type { PackedColumn } from '../pack/column.ts'
import { rowsOfPack } from '../pack/rows-view.ts'
import { packPlaces, type LivePack, type TierObjects } from './objects.ts'

/** What stands before the columns of the table. */
const segmentColumns: readonly string[] = ['pgstrata_segment', 'pgstrata_least', 'pgstrata_most']

/** A query; `columns`: only these are decoded. */
export function packRows(
  objects: TierObjects,
  pack: LivePack,
  { columns = objects.columns }: { readonly columns?: readonly SourceColumn[] } = {},
): string {
  const value = valueIn(objects, pack)
  const values = columns.map((column) => `${value(column)} as ${quoteIdent(column.name)}`)
  const own = segmentColumns.map((name) => `r.${name}`)
  return `select ${[...own, ...values].join(', ')} from ${sourceOf(objects, pack, columns)} as r`
}

function sourceOf(objects: TierObjects, pack: LivePack, columns: readonly SourceColumn[]): string {
  const packed = columns.map((column) => packedOf(pack, column))
  const isComputed = columns.some((column, place) => packed[place] === undefined && column.generated)
  if (columns === objects.columns || isComputed) return packPlaces(pack.id).rows
  return `(${rowsOfPack(
    pack.shape,
    packed.flatMap((column) => (column === undefined ? [] : [column.name])),
  )})`
}

/** The column of the pack in which a column of the table is kept. */
export function packedOf({ shape }: LivePack, { attnum }: SourceColumn): PackedColumn | undefined {
  return shape.columns.find((column) => (column.number ?? column.attnum) === attnum)
}

/** A column of the table, over a row `r` of the pack. */
function valueIn({ table, columns, facts }: TierObjects, pack: LivePack): (column: SourceColumn) => string {
  const written = (column: SourceColumn): string => {
    const packed = packedOf(pack, column)
    if (packed !== undefined) return fit(`r.${quoteIdent(packed.name)}`, packed, column)
    const { missing } = column
    return collated(`${missing === undefined ? 'null' : quoteLiteral(missing)}::${column.type}`, column)
  }
  return (column) => {
    const expression = facts.generated[column.name]
    if (expression === undefined || packedOf(pack, column) !== undefined) return written(column)
    const others = columns.filter(({ generated }) => !generated)
    const row = others.map((one) => `${written(one)} as ${quoteIdent(one.name)}`).join(', ')
    return collated(
      `(select (${expression})::${column.type} from (select ${row}) as ${quoteIdent(table.table)})`,
      column,
    )
  }
}

function fit(value: string, packed: PackedColumn, column: SourceColumn): string {
  if (packed.type !== column.type) return collated(`${value}::${column.type}`, column)
  if (packed.collation === column.collation) return value
  return `${value} collate ${column.collation ?? 'pg_catalog."default"'}`
}

function collated(value: string, { collation }: SourceColumn): string {
  return collation === undefined ? value : `${value} collate ${collation}`
}
