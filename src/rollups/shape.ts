// A rollup as tables hold it: its keys, the states that are kept for each key, and how the measures are read from them.
//
// What holds: every state is additive (a number that is 0 for no rows, of which those of two sets of rows are added, and
// those of rows that go are subtracted), so the states of a key are the sum of all that was ever captured of it, in any
// order. What cannot be subtracted (NaN, infinities) is counted instead. `row_count` is one of them: a key is there while
// it is above 0.

import { quoteIdent } from '../sql/quote.ts'
import { bucketOf, type BucketType } from './bucket.ts'
import type { ExtremeKind, Measure, Rollup, Totals, WindowSpan } from './options.ts'
import { valuesOf, type ValuesMeasure } from './values.ts'

/** What the server says of an expression. */
export interface ExpressionFacts {
  /** In words that depend on no search_path. */
  readonly text: string
  /** As pg_type calls it: 'int4', 'numeric'. */
  readonly type: string
  /** numeric(p, s) holds no infinity. */
  readonly bounded: boolean
  /** As SQL writes it. */
  readonly written: string
}

export interface SourceFacts {
  readonly bucketType: BucketType | undefined
  readonly where: string | undefined
  /** By the name of the measure. */
  readonly of: ReadonlyMap<string, ExpressionFacts>
  readonly filters: ReadonlyMap<string, string>
  /** By the name of the measure, where it says one. */
  readonly orders: ReadonlyMap<string, ExpressionFacts>
  /** Columns that are never null. */
  readonly notNull: ReadonlySet<string>
  /** By the name of a key: which operator says that two are equal, if none of pg_catalog. */
  readonly equals?: ReadonlyMap<string, string>
  /** Over the states of totals, by name. */
  readonly computed?: ReadonlyMap<string, ComputedFacts>
}

export interface ComputedFacts {
  readonly value: string
  /** As SQL writes it. */
  readonly type: string
}

export interface State {
  readonly name: string
  readonly type: 'bigint' | 'numeric' | 'double precision'
  /** Over the rows of one key; null where there is nothing to add. */
  readonly aggregate: string
}

export interface Extreme {
  readonly name: string
  readonly kind: ExtremeKind
  /** Over a row of the source, and its type as SQL writes it. */
  readonly value: string
  readonly type: string
  /** By which the first and the last are told; of min and max the value itself. */
  readonly order: { readonly value: string; readonly type: string } | undefined
  readonly filter: string | undefined
}

export interface Output {
  readonly name: string
  /** Over the states, by their names. */
  readonly value: string
}

/** A state of the rows in a window. */
interface WindowState {
  readonly name: string
  readonly of: State
}

interface TotalsWindow {
  readonly name: string
  readonly span: WindowSpan
  readonly states: readonly WindowState[]
}

export interface TotalsShape {
  readonly windows: readonly TotalsWindow[]
  /** Of all time and of each window, over the states. */
  readonly outputs: readonly Output[]
  /** Over the states. */
  readonly computed: readonly (Output & { readonly type: string })[]
  readonly index: Totals['index']
}

export interface Shape {
  readonly rollup: Rollup
  /** Of the column that is put into buckets. */
  readonly bucketType: BucketType | undefined
  /** Name and expression over a row of the source; the bucket is the first. */
  readonly keys: readonly { readonly name: string; readonly value: string; readonly notNull?: boolean }[]
  readonly equals?: Readonly<Record<string, string>>
  readonly where: string | undefined
  readonly states: readonly State[]
  readonly extremes?: readonly Extreme[] | undefined
  readonly values?: readonly ValuesMeasure[] | undefined
  readonly outputs: readonly Output[]
  readonly totals?: TotalsShape | undefined
  /** Measures that were declared later and are not filled yet: they are kept, and not shown. */
  readonly filling?: readonly string[] | undefined
}

export const bucketColumn = 'bucket'
export const rowCount = 'row_count'

export function shapeOf(rollup: Rollup, facts: SourceFacts): Shape {
  const { bucket, by, measures } = rollup
  const time =
    bucket === undefined || facts.bucketType === undefined
      ? []
      : [{ name: bucketColumn, value: bucketOf(bucket, facts.bucketType, quoteIdent(bucket.column)) }]
  const extremes = measures.flatMap((measure) => extremeOf(rollup, measure, facts) ?? [])
  return {
    rollup,
    bucketType: facts.bucketType,
    keys: [...time, ...by.map((name) => ({ name, value: quoteIdent(name), notNull: facts.notNull.has(name) }))],
    ...(facts.equals === undefined || facts.equals.size === 0 ? {} : { equals: Object.fromEntries(facts.equals) }),
    where: facts.where,
    states: statesOf(additive(measures).map((measure) => partsOf(measure, facts))),
    ...(extremes.length === 0 ? {} : { extremes }),
    ...valuesOf(measures, facts),
    outputs: measures.map((measure) =>
      isAdditive(measure) ? partsOf(measure, facts).output : { name: measure.name, value: quoteIdent(measure.name) },
    ),
    totals: totalsShapeOf(rollup, facts),
  }
}

export const isAdditive = ({ kind }: Measure): boolean => kind === 'count' || kind === 'sum' || kind === 'avg'
const additive = (measures: readonly Measure[]): readonly Measure[] => measures.filter(isAdditive)

export const extremeKinds: readonly ExtremeKind[] = ['min', 'max', 'first', 'last']

function extremeOf({ bucket }: Rollup, { name, kind }: Measure, facts: SourceFacts): Extreme | undefined {
  const known = extremeKinds.find((one) => one === kind)
  const of = facts.of.get(name)
  if (known === undefined || of === undefined) return undefined
  const time =
    facts.bucketType === undefined ? undefined : { value: quoteIdent(bucket?.column ?? ''), type: facts.bucketType }
  const said = facts.orders.get(name)
  const order = said === undefined ? time : { value: said.text, type: said.written }
  const isOrdered = known === 'first' || known === 'last'
  return {
    name,
    kind: known,
    value: of.text,
    type: of.written,
    order: isOrdered ? order : undefined,
    filter: facts.filters.get(name),
  }
}

function statesOf(parts: readonly Parts[], suffix = ''): readonly State[] {
  const rows: State = { name: `${rowCount}${suffix}`, type: 'bigint', aggregate: 'pg_catalog.count(*)' }
  return [rows, ...parts.flatMap(({ states }) => states)]
}

/** Measures of a window are called by its name, `plays_7d`, and so are their states. */
export function totalsShapeOf({ measures: all, totals }: Rollup, facts: SourceFacts): TotalsShape | undefined {
  if (totals === undefined) return undefined
  const measures = additive(all)
  const ever = measures.map((measure) => partsOf(measure, facts))
  const states = statesOf(ever)
  const windows = totals.windows.map(({ name, span }) => {
    const suffix = `_${name}`
    const parts = measures.map((measure) => partsOf(measure, facts, suffix))
    const named = statesOf(parts, suffix)
    return {
      outputs: parts.map(({ output }) => output),
      window: { name, span, states: states.map((of, index) => ({ name: named[index]?.name ?? '', of })) },
    }
  })
  return {
    windows: windows.map(({ window }) => window),
    outputs: [...ever.map(({ output }) => output), ...windows.flatMap(({ outputs }) => outputs)],
    computed: totals.compute.flatMap(({ name }) => {
      const computed = facts.computed?.get(name)
      return computed === undefined ? [] : [{ name, ...computed }]
    }),
    index: totals.index,
  }
}

interface Parts {
  readonly states: readonly State[]
  readonly output: Output
}

/** `suffix`: behind every name. */
function partsOf(measure: Measure, facts: SourceFacts, suffix = ''): Parts {
  const name = `${measure.name}${suffix}`
  const filter = facts.filters.get(measure.name)
  const of = facts.of.get(measure.name)
  if (measure.kind === 'count' || of === undefined) {
    if (filter === undefined && of === undefined)
      return { states: [], output: { name, value: quoteIdent(`${rowCount}${suffix}`) } }
    const counted = of === undefined ? 'pg_catalog.count(*)' : `pg_catalog.count(${of.text})`
    return {
      states: [{ name, type: 'bigint', aggregate: filtered(counted, filter) }],
      output: { name, value: quoteIdent(name) },
    }
  }
  return sumParts(measure, { of, filter, suffix })
}

interface Summed {
  readonly of: ExpressionFacts
  readonly filter: string | undefined
  readonly suffix: string
}

function sumParts({ name: measure, kind }: Measure, { of, filter, suffix }: Summed): Parts {
  const odd = oddValuesOf(of)
  const name = `${measure}${suffix}`
  const state = (what: string): string => `${measure}_${what}${suffix}`
  const total = { name: kind === 'avg' ? state('sum') : name, type: sumTypes[of.type] ?? 'numeric' } as const
  const finite = odd.map(({ value }) => `(${of.text}) <> '${value}'`)
  const n = state('n')
  const states: readonly State[] = [
    { ...total, aggregate: filtered(`pg_catalog.sum(${of.text})`, all(filter, ...finite)) },
    counter(n, filtered(`pg_catalog.count(${of.text})`, filter)),
    ...odd.map(({ kind: what, value }) =>
      counter(state(what), filtered('pg_catalog.count(*)', all(filter, `(${of.text}) = '${value}'`))),
    ),
  ]
  const mean = total.type === 'bigint' ? `${quoteIdent(total.name)}::numeric` : quoteIdent(total.name)
  const plain = kind === 'avg' ? `${mean} / ${quoteIdent(n)}` : quoteIdent(total.name)
  const type = of.type === 'float4' && kind === 'sum' ? 'real' : total.type === 'bigint' ? undefined : total.type
  return { states, output: { name, value: outputOf({ state, odd, plain, type }) } }
}

/** Those of float4 are added up as float8: a real would lose what is small beside what is large. */
const sumTypes: Readonly<Record<string, State['type']>> = {
  int2: 'bigint',
  int4: 'bigint',
  int8: 'numeric',
  numeric: 'numeric',
  float4: 'double precision',
  float8: 'double precision',
}

export const summableTypes: readonly string[] = Object.keys(sumTypes)

interface OddValue {
  readonly kind: 'nan' | 'inf' | 'ninf'
  readonly value: 'NaN' | 'Infinity' | '-Infinity'
}

function oddValuesOf({ type, bounded }: ExpressionFacts): readonly OddValue[] {
  if (type.startsWith('int')) return []
  const nan = { kind: 'nan', value: 'NaN' } as const
  if (type === 'numeric' && bounded) return [nan]
  return [nan, { kind: 'inf', value: 'Infinity' }, { kind: 'ninf', value: '-Infinity' }]
}

function counter(name: string, aggregate: string): State {
  return { name, type: 'bigint', aggregate }
}

const all = (...conditions: readonly (string | undefined)[]): string | undefined => {
  const said = conditions.filter((condition) => condition !== undefined)
  return said.length === 0 ? undefined : said.map((condition) => `(${condition})`).join(' and ')
}

function filtered(aggregate: string, condition: string | undefined): string {
  return condition === undefined ? aggregate : `${aggregate} filter (where ${condition})`
}

interface OutputSubject {
  /** What a state of it is called. */
  readonly state: (what: string) => string
  readonly odd: readonly OddValue[]
  readonly plain: string
  readonly type: string | undefined
}

/** What sum() and avg() of the rows themselves say: NaN outdoes all, and infinities of both signs are NaN. */
function outputOf({ state, odd, plain, type }: OutputSubject): string {
  const count = (what: string): string => `${quoteIdent(state(what))} > 0`
  const cast = type === undefined ? '' : `::${type}`
  const has = new Set(odd.map(({ kind }) => kind))
  const cases = [
    ...(has.has('nan') ? [`when ${count('nan')} then 'NaN'${cast}`] : []),
    ...(has.has('inf')
      ? [
          `when ${count('inf')} and ${count('ninf')} then 'NaN'${cast}`,
          `when ${count('inf')} then 'Infinity'${cast}`,
          `when ${count('ninf')} then '-Infinity'${cast}`,
        ]
      : []),
    `when ${count('n')} then ${type === 'real' ? `(${plain})::real` : plain}`,
  ]
  return `case ${cases.join(' ')} end`
}
