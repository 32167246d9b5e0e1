// What is declared of one rollup, checked and complete: which rows of which table are counted together, and what of them.

/** Minutes and hours in any number that divides the next unit; longer ones follow the calendar of the zone. */
export type BucketSpan =
  | { readonly unit: 'minute' | 'hour'; readonly count: number }
  | { readonly unit: 'day' | 'week' | 'month' | 'quarter' | 'year'; readonly count: 1 }

export interface Bucket {
  /** date, timestamp or timestamptz. */
  readonly column: string
  readonly span: BucketSpan
  /** Where days begin; hours and minutes too, in a zone that is off by half an hour. */
  readonly zone: string
}

/** Additive: the measure of two sets of rows follows from those of each, and taking rows away from taking theirs away. */
export interface AdditiveMeasure {
  readonly name: string
  readonly kind: 'count' | 'sum' | 'avg'
  /** An expression over the columns of a row; undefined: the rows themselves are counted. */
  readonly of: string | undefined
  /** Which rows are taken into account; undefined: all that the rollup counts. */
  readonly filter: string | undefined
  /** The word that sums of float4 and float8 may differ from a recompute in their last digits. */
  readonly floats: boolean
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
  readonly measures: readonly AdditiveMeasure[]
  /** Where the source has row security: `ignore` shows what policies hide to whoever may read the source at all. */
  readonly rowSecurity: 'refuse' | 'ignore'
}
