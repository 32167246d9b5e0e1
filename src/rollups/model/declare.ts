// What a declaration says is measured. Values that say it and nothing more: pure, and made to be read by people.

/** How many rows, or how many of them have a value of `of`. */
export interface Count {
  readonly kind: 'count'
  readonly of?: string
  readonly filter?: string
}

export interface Sum<Floats extends boolean = boolean> {
  readonly kind: 'sum'
  readonly of: string
  readonly filter?: string
  readonly floats?: Floats
}

export interface Avg<Floats extends boolean = boolean> {
  readonly kind: 'avg'
  readonly of: string
  readonly filter?: string
  readonly floats?: Floats
}

/** Of the rows in which it is not null: exact at once when rows come, and after the next merge when the one itself went. */
export interface Extremum {
  readonly kind: 'min' | 'max'
  readonly of: string
  readonly filter?: string
}

export interface End {
  readonly kind: 'first' | 'last'
  readonly of: string
  readonly order?: string
  readonly filter?: string
}

/** How many different values there are, exact whatever comes and goes. Each value is kept once for each key. */
export interface CountDistinct<Windows extends boolean = boolean> {
  readonly kind: 'countDistinct'
  readonly of: string
  readonly filter?: string
  readonly windows?: Windows
}

/** What percentile_disc() gives, within `error` of it. */
export interface Percentile {
  readonly kind: 'percentile'
  readonly of: string
  readonly fraction: number
  readonly error?: number
  readonly filter?: string
}

/** The most frequent value; of several, the least. */
export interface Mode {
  readonly kind: 'mode'
  readonly of: string
  readonly filter?: string
}

export interface TopK {
  readonly kind: 'topK'
  readonly of: string
  readonly most: number
  readonly filter?: string
}

export interface FilterOptions {
  /** Which rows are taken into account: "kind = 'a'". */
  readonly filter?: string
}

export interface DistinctOptions<Windows extends boolean = boolean> extends FilterOptions {
  /**
   * Counted in `totals`, too, of all time and of each window: each value is kept once more for each key. Default: false. Without a
   * bucket it is in totals anyway, and each value is kept once.
   */
  readonly windows?: Windows
}

export interface PercentileOptions extends FilterOptions {
  /** How far it may be off, as a share of it, from 0.0001 to 0.5. Default: 0.01. */
  readonly error?: number
}

export interface EndOptions extends FilterOptions {
  /** By what: 'version'. Default: the column of time. */
  readonly order?: string
}

export interface SumOptions<Floats extends boolean = boolean> {
  /** Which rows are taken into account: "kind = 'a'". */
  readonly filter?: string
  /** Floating point numbers, whose sum may differ from a recompute in its last digits. */
  readonly floats?: Floats
}

/** `of`: only rows in which it is not null. */
export function count(of?: string): Count {
  return of === undefined ? { kind: 'count' } : { kind: 'count', of }
}

/** countIf("kind = 'a'") */
export function countIf(filter: string): Count {
  return { kind: 'count', filter }
}

/** sum('amount'), sum('amount * rate'); of no row at all it is null, as in SQL. */
export function sum<const Floats extends boolean = false>(of: string, options: SumOptions<Floats> = {}): Sum<Floats> {
  return { kind: 'sum', of, ...options }
}

/** sumIf('amount', "kind = 'a'") */
export function sumIf<const Floats extends boolean = false>(
  of: string,
  filter: string,
  options: Omit<SumOptions<Floats>, 'filter'> = {},
): Sum<Floats> {
  return { kind: 'sum', of, filter, ...options }
}

/** The mean of the values that are not null; kept as their sum and their number, so it is exact over any buckets. */
export function avg<const Floats extends boolean = false>(of: string, options: SumOptions<Floats> = {}): Avg<Floats> {
  return { kind: 'avg', of, ...options }
}

export function min(of: string, options: FilterOptions = {}): Extremum {
  return { kind: 'min', of, ...options }
}

export function max(of: string, options: FilterOptions = {}): Extremum {
  return { kind: 'max', of, ...options }
}

/** first('price'): that of the earliest row; of several at once, the least. */
export function first(of: string, options: EndOptions = {}): End {
  return { kind: 'first', of, ...options }
}

/** last('price'): that of the latest row; of several at once, the greatest. */
export function last(of: string, options: EndOptions = {}): End {
  return { kind: 'last', of, ...options }
}

/** countDistinct('listener'), countDistinct('listener', { windows: true }) */
export function countDistinct<const Windows extends boolean = false>(
  of: string,
  options: DistinctOptions<Windows> = {},
): CountDistinct<Windows> {
  return { kind: 'countDistinct', of, ...options }
}

/** percentile('duration_s', 0.95): the least value that 95 % of the values are not above, within 1 % of it. */
export function percentile(of: string, fraction: number, options: PercentileOptions = {}): Percentile {
  return { kind: 'percentile', of, fraction, ...options }
}

/** mode('genre'): the most frequent value; of several, the least. */
export function mode(of: string, options: FilterOptions = {}): Mode {
  return { kind: 'mode', of, ...options }
}

/** topK('genre', 3): the three most frequent values, the most frequent first; of those that are as frequent, the least. */
export function topK(of: string, most: number, options: FilterOptions = {}): TopK {
  return { kind: 'topK', of, most, ...options }
}
