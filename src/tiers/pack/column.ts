// How the values of one column stand in a pack, and how the parts of a pack are called. Names go by the column's number: whatever
// a column is called, its parts have room in a name, and none is another's.

export type Codec =
  | 'key'
  | 'constant'
  | 'bits'
  | 'ints'
  | 'split'
  | 'scaled'
  | 'quotient'
  | 'word'
  | 'array'
  | 'wrapped'

export interface PackedColumn {
  readonly name: string
  /** Of the table when it was packed, for good: names of parts go by it. */
  readonly attnum: number
  /** Of the table, where it has another one by now: it was restored in another database. Negative: it is gone. */
  readonly number?: number
  /** As SQL writes it under any search_path, without limits. */
  readonly type: string
  /** As SQL writes it; undefined: that of the type. */
  readonly collation?: string
  readonly codec: Codec
  /** Bytes of a number in the array. */
  readonly width?: 2 | 4
  /** What one step of such a number is worth: units of the last place, days, microseconds. */
  readonly unit?: number
  /** Decimal places. */
  readonly scale?: number
  /** SQL of the value that all rows have, or of the array of all words. */
  readonly literal?: string
  /** The composite type that wraps an array. */
  readonly cell?: string
  /** The pack has least and most of each segment. */
  readonly ends: boolean
  /** The pack has the sum of each segment. */
  readonly sum: boolean
}

export interface PackShape {
  readonly id: bigint
  readonly columns: readonly PackedColumn[]
  /** Declared columns whose value a segment has in common. Empty where they were given up: too few rows have one in common. */
  readonly segmentBy: readonly string[]
  /** What rows are in order of, within their segment. */
  readonly orderBy: readonly string[]
  /** The partition's column. Never a key; its least and most are always there. */
  readonly axis: string
}

/** Columns of a pack's table, of a column of the source: `keyName` where its codec is `key`, the others where it has `ends`, `sum`. */
export const keyName = ({ attnum }: Pick<PackedColumn, 'attnum'>): string => `k${attnum}`
export const leastName = ({ attnum }: Pick<PackedColumn, 'attnum'>): string => `least_${attnum}`
export const mostName = ({ attnum }: Pick<PackedColumn, 'attnum'>): string => `most_${attnum}`
export const sumName = ({ attnum }: Pick<PackedColumn, 'attnum'>): string => `sum_${attnum}`

/** What the rows of a pack carry beside their columns: where they are, and between which values of the axis. */
export const rowNames = { segment: 'pgstrata_segment', least: 'pgstrata_least', most: 'pgstrata_most' } as const

export const declaredType = ({ type, collation }: Pick<PackedColumn, 'type' | 'collation'>): string =>
  collation === undefined ? type : `${type} collate ${collation}`

/** A width that an array of integers has. */
export const integerOf = (width: 2 | 4 | undefined): string => (width === 2 ? 'int2' : 'int4')

/** How far from a base a number of that width reaches upwards. */
export const reachOf = (width: 2 | 4 | undefined): number => (width === 2 ? 2 ** 15 - 1 : 2 ** 31 - 1)
