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

export interface FilterOptions {
  /** Which rows are taken into account: "kind = 'a'". */
  readonly filter?: string
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
