// A segment is a row, and a row has to fit into a page: what is large goes out of line, but a pointer to it stays.
//
// Promise: the row of a segment of any table with at most `mostColumns` columns fits, at the price of sums, then of least and most,
// then of better codecs, of the last columns first.

import type { Codec, PackedColumn } from './column.ts'
import { kindOf, type Kind } from './kinds.ts'
import { rulesOf } from './codecs.ts'

export const mostColumns = 300

/** What a page holds, less its header, that of the row and its bits for NULL. */
const mostBytes = 7_900
/** Of what is out of line. */
const pointerBytes = 18
/** Alignment included. */
const fixedBytes = 8
/** Of a value without a fixed size: a longer one goes out of line. */
const shortBytes = 24
const bitsHeaderBytes = 12

export interface RowQuestion {
  /** Rows of a segment. */
  readonly rows: number
  /** Columns whose least and most have to be there. */
  readonly ended: ReadonlySet<string>
}

/** The same columns, in the same order, with less of what can be done without. */
export function fitRow(columns: readonly PackedColumn[], asked: RowQuestion): readonly PackedColumn[] {
  const stages: readonly ((column: PackedColumn) => PackedColumn)[] = [
    (column) => ({ ...column, sum: false }),
    (column) => (asked.ended.has(column.name) ? column : { ...column, ends: false }),
    plainInsteadOf('bits'),
    plainInsteadOf('split'),
    plainInsteadOf('ints', 'scaled', 'quotient'),
  ]
  const fitted = [...columns]
  let bytes = fitted.reduce((sum, column) => sum + bytesOf(column, asked), 0)
  for (const less of stages) {
    for (let place = fitted.length - 1; place >= 0 && bytes > mostBytes; place--) {
      const column = fitted[place] as PackedColumn
      const lesser = less(column)
      bytes += bytesOf(lesser, asked) - bytesOf(column, asked)
      fitted[place] = lesser
    }
  }
  return fitted
}

function plainInsteadOf(...codecs: readonly Codec[]): (column: PackedColumn) => PackedColumn {
  return (column) => {
    if (!codecs.includes(column.codec)) return column
    const { width: _width, unit: _unit, scale: _scale, ...plain } = column
    return { ...plain, codec: 'array' }
  }
}

/** At most, of one row. */
function bytesOf(column: PackedColumn, { rows }: RowQuestion): number {
  const { codec, type, ends, sum } = column
  const value = fixed.has(kindOf(type)) ? fixedBytes : shortBytes
  const list = codec === 'bits' ? Math.ceil(rows / 8) + bitsHeaderBytes : pointerBytes
  const rules = rulesOf[codec]
  return (
    rules.scalars(column, 0).length * (codec === 'key' ? value : fixedBytes) +
    rules.lists(column, 0).length * list +
    (ends ? 2 * value : 0) +
    (sum ? shortBytes : 0)
  )
}

const fixed: ReadonlySet<Kind> = new Set(['integer', 'date', 'moment', 'float', 'bool'])
