// Measures that follow from how often each value is there: how many different ones, the most frequent, percentiles.
//
// What holds: of each key and value a number is kept, how many rows have it. Numbers are additive, so a value is there exactly
// while its number is above 0, whatever came and went; numbers of several keys are added up value by value before anything is
// read from them, for what two keys come to each does not say what they come to together. A row whose value is null is not there.
//
// Of a percentile the value is the number of a bin, and all that is in a bin is within `error` of what is read from it: bin i
// has what is above γ^(i-1) and up to γ^i, with γ = (1 + error) / (1 - error), and (1 - error) γ^i is read. Numbers of bins are in
// the order of the values: those below zero, zero, those above, infinity, NaN, as Postgres sorts them. What is nearer to zero
// than 1e-300 or farther than 1e300 is taken for these.

import type { Measure, Rollup, ValuesKind } from './options.ts'

export interface ValuesMeasure {
  readonly name: string
  readonly kind: ValuesKind
  /** Over a row of the source; null: the row is not taken into account. */
  readonly value: string
  /** Of a percentile: which one, and how wide its bins are. */
  readonly fraction?: number | undefined
  readonly bins?: Bins | undefined
  /** Of topK: how many. */
  readonly most?: number | undefined
  /** In totals, too. */
  readonly windows?: true | undefined
  /** Which operator says that two values are equal, if none of pg_catalog. */
  readonly equal?: string | undefined
}

interface Bins {
  readonly error: number
  /** Of γ. */
  readonly logarithm: number
  /** Lifts the number of the bin of 1e-300 above 0. */
  readonly offset: number
}

export const valuesKinds: readonly ValuesKind[] = ['countDistinct', 'percentile', 'mode', 'topK']

/** By their names. */
export function valuesMeasures({ measures }: Pick<Rollup, 'measures'>): readonly string[] {
  return measures.flatMap(({ name, kind }) => (valuesKinds.some((one) => one === kind) ? [name] : []))
}

export const isDistinctInTotals = ({ kind, windows }: Pick<Measure, 'kind' | 'windows'>): boolean =>
  kind === 'countDistinct' && windows === true

export const defaultError = 0.01
const farthest = 1e300

/** Of SourceFacts, what is looked at. */
interface ValuesFacts {
  readonly of: ReadonlyMap<string, { readonly text: string; readonly type: string }>
  readonly filters: ReadonlyMap<string, string>
  readonly where: string | undefined
  readonly valueEquals?: ReadonlyMap<string, string>
}

/** Nothing, where no measure is of values. */
export function valuesOf(
  measures: readonly Measure[],
  facts: ValuesFacts,
): { readonly values?: readonly ValuesMeasure[] } {
  const values = measures.flatMap((measure) => valuesMeasureOf(measure, facts) ?? [])
  return values.length === 0 ? {} : { values }
}

/** Undefined: it is of another kind. */
function valuesMeasureOf(measure: Measure, facts: ValuesFacts): ValuesMeasure | undefined {
  const { name, fraction, most } = measure
  const kind = valuesKinds.find((one) => one === measure.kind)
  const of = facts.of.get(name)
  const equal = facts.valueEquals?.get(name)
  if (kind === undefined || of === undefined) return undefined
  const bins = kind === 'percentile' ? binsOf(measure.error ?? defaultError) : undefined
  const value = bins === undefined ? of.text : binOf(bins, of)
  // In this order: an expression may fail for rows that are not counted.
  const conditions = [facts.where, facts.filters.get(name)].filter((condition) => condition !== undefined)
  return {
    name,
    kind,
    value:
      conditions.length === 0
        ? value
        : `case when ${conditions.map((condition) => `(${condition})`).join(' and ')} then ${value} end`,
    ...(kind === 'percentile' ? { fraction: fraction ?? 0.5, bins } : {}),
    ...(kind === 'topK' ? { most: most ?? 1 } : {}),
    ...(isDistinctInTotals(measure) ? { windows: true } : {}),
    ...(isDistinctInTotals(measure) && equal !== undefined ? { equal } : {}),
  }
}

function binsOf(error: number): Bins {
  const logarithm = Math.log((1 + error) / (1 - error))
  return { error, logarithm, offset: Math.ceil(Math.log(farthest) / logarithm) + 2 }
}

const infinityOf = ({ offset }: Bins): number => 2 * offset
const nanOf = (bins: Bins): number => infinityOf(bins) + 1

/** In float8, whose logarithm is the same whoever asks on one server; cast first: the least integer has no absolute value. */
function binOf(bins: Bins, { text, type }: { readonly text: string; readonly type: string }): string {
  const isNumeric = type === 'numeric'
  const x = isNumeric ? `(${text})` : `(${text})::float8`
  const end = (value: string): string => (isNumeric ? value : `${value}::float8`)
  const size = `least(greatest(pg_catalog.abs(${x}), ${end('1e-300')}), ${end('1e300')})::float8`
  const bin = `pg_catalog.ceil(pg_catalog.ln(${size}) / ${float(bins.logarithm)})::integer + ${bins.offset}`
  const odd = type.startsWith('int')
    ? []
    : [
        `when ${x} = 'NaN' then ${nanOf(bins)}`,
        `when ${x} = 'Infinity' then ${infinityOf(bins)}`,
        `when ${x} = '-Infinity' then -${infinityOf(bins)}`,
      ]
  return [
    'case',
    `when ${x} = 0 then 0`,
    ...odd,
    `when ${x} > 0 then ${bin}`,
    `when ${x} < 0 then -(${bin})`,
    'end',
  ].join(' ')
}

function valueOfBin(bins: Bins, bin: string): string {
  const { error, logarithm, offset } = bins
  return [
    'case',
    `when ${bin} = ${nanOf(bins)} then 'NaN'::float8`,
    `when ${bin} = ${infinityOf(bins)} then 'Infinity'::float8`,
    `when ${bin} = -${infinityOf(bins)} then '-Infinity'::float8`,
    `else pg_catalog.sign(${bin}) * ${float(1 - error)} * pg_catalog.exp((pg_catalog.abs(${bin}) - ${offset}) * ${float(logarithm)})`,
    'end',
  ].join(' ')
}

const float = (value: number): string => `${value}::float8`

/** A query over another that has `value` and its number `n`, above 0, by group: its one column beside the groups is `result`. */
export function resultsOf(
  measure: ValuesMeasure,
  { members, groups }: { readonly members: string; readonly groups: readonly string[] },
): string {
  const groupBy = groups.length === 0 ? [] : [`group by ${groups.join(', ')}`]
  const select = (result: string): string => `select ${[...groups, `${result} as result`].join(', ')}`
  if (measure.kind !== 'percentile')
    return [select(resultOf(measure)), `from (\n${members}\n) as members`, ...groupBy].join('\n')
  const { bins = binsOf(defaultError), fraction = 0.5 } = measure
  const partition = groups.length === 0 ? '' : `partition by ${groups.join(', ')}`
  const rank = `greatest(1, pg_catalog.ceil(${float(fraction)} * total::float8))`
  return [
    select(valueOfBin(bins, `(pg_catalog.min(value) filter (where upto >= ${rank}))`)),
    'from (',
    `select ${[...groups, 'value'].join(', ')}, pg_catalog.sum(n) over (${partition} order by value) as upto, pg_catalog.sum(n) over (${partition}) as total`,
    `from (\n${members}\n) as members`,
    ') as ranked',
    ...groupBy,
  ].join('\n')
}

function resultOf({ kind, most = 1 }: ValuesMeasure): string {
  if (kind === 'countDistinct') return 'pg_catalog.count(*)'
  const ordered = 'pg_catalog.array_agg(value order by n desc, value)'
  return kind === 'mode' ? `(${ordered})[1]` : `(${ordered})[1:${most}]`
}

/** What it is of no value at all. */
export function ofNothing({ kind }: ValuesMeasure, result: string): string {
  return kind === 'countDistinct' ? `coalesce(${result}, 0)` : result
}
