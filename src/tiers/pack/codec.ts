// What a codec has to say: what it keeps of a segment, and how the values are had again from that.
//
// Invariant: for every value that the facts of its column allow, decoding gives what was encoded, bit for bit. Each array has as
// many elements as the segment has rows, NULL for NULL, in one order for all columns.

import type { PackedColumn } from './column.ts'

/** A column of the pack, and the SQL that fills it. */
export interface Part {
  readonly name: string
  readonly type: string
  readonly from: string
}

/** `from` is of one row; `gather` is how a segment's are put together, where that is not an array. */
export interface ListPart extends Part {
  readonly gather?: (element: string) => string
}

export interface CodecRules {
  /** One value a segment. `from` reads the segment's facts: alias g, columns least_<n>, most_<n>, k<n>. */
  scalars(column: PackedColumn, slot: number): readonly Part[]
  /** One list a segment. `from` reads a row (alias s) and the scalars of its segment (alias f). */
  lists(column: PackedColumn, slot: number): readonly ListPart[]
  /** An expression over the pack, in a select list. */
  decode(column: PackedColumn): string
  /** It gives one row for each of the segment's. */
  readonly unfolds: boolean
  /** What decoding costs, next to others. */
  readonly effort: number
}

export const none = (): readonly never[] => []
