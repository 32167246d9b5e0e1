// What is declared of one rollup, checked and complete: which rows of which table are counted together, and what of them.

/** Minutes and hours in any number that divides the next unit; longer ones follow the calendar of the zone. */
export type BucketSpan =
  | { readonly unit: 'minute' | 'hour'; readonly count: number }
  | { readonly unit: 'day' | 'week' | 'month' | 'quarter' | 'year'; readonly count: 1 }

/** By which a rollup can be read, the finest first. */
export const timeUnits = ['hour', 'day', 'week', 'month', 'quarter', 'year'] as const
export type TimeUnit = (typeof timeUnits)[number]

export interface Bucket {
  /** date, timestamp or timestamptz. */
  readonly column: string
  readonly span: BucketSpan
  /** Where days begin; hours and minutes too, in a zone that is off by half an hour. */
  readonly zone: string
}

/**
 * Additive: the measure of two sets of rows follows from those of each, and taking rows away from taking theirs away.
 * Extreme: the one that is least or greatest, which has to be looked for again when it goes.
 * Of values: what follows from how often each value is there.
 */
export type AdditiveKind = 'count' | 'sum' | 'avg'
export type ExtremeKind = 'min' | 'max' | 'first' | 'last'
export type ValuesKind = 'countDistinct' | 'percentile' | 'mode' | 'topK'

export interface Measure {
  readonly name: string
  readonly kind: AdditiveKind | ExtremeKind | ValuesKind
  /** An expression over the columns of a row; undefined: the rows themselves are counted. */
  readonly of: string | undefined
  /** Which rows are taken into account; undefined: all that the rollup counts. */
  readonly filter: string | undefined
  /** The word that sums of float4 and float8 may differ from a recompute in their last digits. */
  readonly floats: boolean
  /** Of the first and the last: by what; undefined: by the column of time. */
  readonly order?: string | undefined
  /** Of a percentile: which one, from 0 to 1, and how far it may be off, as a share of it. */
  readonly fraction?: number | undefined
  readonly error?: number | undefined
  /** Of topK: how many. */
  readonly most?: number | undefined
  /** Of countDistinct: counted in totals, too, of all time and of each window. */
  readonly windows?: true | undefined
}

/** How far back from now a window reaches; days and longer by the calendar of the zone. */
export interface WindowSpan {
  readonly unit: 'minute' | 'hour' | 'day' | 'week' | 'month' | 'quarter' | 'year'
  readonly count: number
}

/** One row for each key, of all time and of windows that move on with the clock. */
export interface Totals {
  readonly windows: readonly { readonly name: string; readonly span: WindowSpan }[]
  /** Expressions over the columns of the row: measures, and measures of windows, as `plays_7d`. */
  readonly compute: readonly { readonly name: string; readonly value: string }[]
  readonly index: readonly { readonly column: string; readonly descending: boolean }[]
}

export interface Rollup {
  readonly name: string
  /** Of the source; what readers see of the rollup stands there too. */
  readonly schema: string
  readonly table: string
  /** Undefined: one row for each key. */
  readonly bucket: Bucket | undefined
  /** Columns of the source. */
  readonly by: readonly string[]
  /** Which rows are counted at all. */
  readonly where: string | undefined
  readonly measures: readonly Measure[]
  readonly totals?: Totals | undefined
  /** Coarser buckets that are kept besides, of the same zone; undefined: none. */
  readonly levels?: readonly TimeUnit[] | undefined
  /** What becomes of the buckets of partitions that are gone: they go too, or when they are of that age. Undefined: they are kept. */
  readonly retention?: 'forget' | { readonly keep: string } | undefined
  /** A subscription writes to the source, or sessions in session_replication_role = replica: their rows are noted, too. */
  readonly subscriber?: true | undefined
  /** Where the source has row security: `ignore` shows what policies hide to whoever may read the source at all. */
  readonly rowSecurity: 'refuse' | 'ignore'
}

/** The table that is counted. */
export interface Source {
  readonly schema: string
  readonly table: string
}

export interface Relation {
  /** As SQL writes it. */
  readonly name: string
  /** It holds rows: a plain table or a leaf. */
  readonly leaf: boolean
  /** Which of its changes are changes of the source; undefined: all of them, for it is part of it. */
  readonly events?: readonly ('update' | 'delete')[] | undefined
}
