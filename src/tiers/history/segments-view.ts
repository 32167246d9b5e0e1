// `<table>_segments`: what is known of the segments of all packs without unfolding one: how many rows each has, what they have in
// common, and least, most and sum of what has them. Rows of the table and loose rows are not in it.
//
// What holds: its columns follow from the table and its declaration alone, not from the packs, so that it can be replaced whenever
// another pack is read. Null stands where a pack does not keep a value, and where all rows of a segment are null.

import { quoteIdent, quoteLiteral } from '../../sql/quote.ts'
import type { SourceColumn } from '../model/columns.ts'
import { keyName, leastName, mostName, sumName, type PackedColumn } from '../pack/column.ts'
import { hasEnds, kindOf } from '../pack/kinds.ts'
import { packPlaces, placesOf, type LivePack, type TierObjects } from './objects.ts'
import { packedOf } from './pack-rows.ts'
import { pieceOf, type Piece } from './piece.ts'

/** Statements. */
export function segmentsView(objects: TierObjects): readonly string[] {
  return segmentsPiece(objects).statements
}

export function segmentsPiece(objects: TierObjects): Piece {
  const { segments, table } = placesOf(objects)
  const shown = shownOf(objects)
  const names = [...shown.keys()].map(quoteIdent).join(', ')
  const branches = objects.packs.map((pack) => {
    const values = [...shown.values()].map((one) => typed(one.of(pack), one))
    return `select ${values.join(', ')}\nfrom ${packPlaces(pack.id).segments} as p`
  })
  // Types and names are there without any pack.
  const none = `select ${[...shown.values()].map((one) => typed('null', one)).join(', ')}\nwhere false`
  return pieceOf({
    kind: 'view',
    place: segments,
    purpose: `Segments in which rows of ${table} are packed`,
    columns: [...shown.keys()],
    create: [`create or replace view ${segments} (${names}) as\n${[none, ...branches].join('\nunion all\n')}`],
  })
}

function typed(value: string, { type, collation }: Shown): string {
  return `${value}::${type}${collation === undefined ? '' : ` collate ${collation}`}`
}

interface Shown {
  readonly type: string
  readonly collation?: string | undefined
  /** Over a row `p` of the pack. */
  readonly of: (pack: LivePack) => string
}

/** By its name in the view. */
function shownOf(objects: TierObjects): ReadonlyMap<string, Shown> {
  const { columns, segmentBy, axis } = objects
  const shown = new Map<string, Shown>()
  const show = (name: string, value: Shown): void => {
    shown.set(freeName(name, shown), value)
  }
  show('pack', { type: 'bigint', of: ({ id }) => id.toString() })
  show('segment', { type: 'bigint', of: () => 'p.segment' })
  show('rows', { type: 'integer', of: () => 'p.rows' })
  show('keyed', { type: 'boolean', of: ({ shape }) => String(segmentBy.length > 0 && shape.segmentBy.length > 0) })
  for (const column of columns.filter(({ name }) => segmentBy.includes(name))) {
    const { name, type, collation } = column
    show(name, { type, collation, of: (pack) => keyIn(pack, column) })
  }
  for (const column of columns.filter((one) => !segmentBy.includes(one.name))) {
    const { name, type } = column
    if (!hasEnds(type) && column !== axis) continue
    show(`least_${name}`, { type, of: (pack) => endIn(pack, column, leastName, axis) })
    show(`most_${name}`, { type, of: (pack) => endIn(pack, column, mostName, axis) })
    if (isSummed(column)) show(`sum_${name}`, { type: 'numeric', of: (pack) => sumIn(pack, column) })
  }
  return shown
}

function isSummed({ type }: SourceColumn): boolean {
  return ['integer', 'numeric'].includes(kindOf(type))
}

const longestName = 63

function freeName(name: string, taken: ReadonlyMap<string, unknown>): string {
  const cut = (room: number): string =>
    Buffer.from(name)
      .subarray(0, room)
      .toString()
      .replace(/\uFFFD+$/, '')
  let free = cut(longestName)
  for (let more = 1; taken.has(free); more++) free = cut(longestName - more) + '_'.repeat(more)
  return free
}

function keyIn(pack: LivePack, column: SourceColumn): string {
  const packed = packedOf(pack, column)
  return packed === undefined ? missingIn(column) : (oneValue(packed) ?? 'null')
}

function endIn(
  pack: LivePack,
  column: SourceColumn,
  nameOf: (packed: PackedColumn) => string,
  axis: SourceColumn,
): string {
  const packed = packedOf(pack, column)
  if (packed === undefined) return missingIn(column)
  return packed.ends || column === axis ? `p.${nameOf(packed)}` : (oneValue(packed) ?? 'null')
}

function sumIn(pack: LivePack, column: SourceColumn): string {
  const packed = packedOf(pack, column)
  if (packed?.sum === true) return `p.${sumName(packed)}`
  const value = packed === undefined ? missingIn(column) : oneValue(packed)
  return value === undefined ? 'null' : `(${value}::${column.type}::numeric * p.rows)`
}

/** Of all rows of a segment; undefined: they have more than one. */
function oneValue(packed: PackedColumn): string | undefined {
  if (packed.codec === 'key') return `p.${keyName(packed)}`
  return packed.codec === 'constant' ? `(${packed.literal ?? 'null'})` : undefined
}

function missingIn({ missing }: SourceColumn): string {
  return missing === undefined ? 'null' : quoteLiteral(missing)
}
