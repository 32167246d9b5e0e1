// A rollup as tables hold it: its keys, the states that are kept for each key, and how the measures are read from them.
//
// What holds: every state is additive (a number that is 0 for no rows, of which those of two sets of rows are added, and
// those of rows that go are subtracted), so the states of a key are the sum of all that was ever captured of it, in any
// order. What cannot be subtracted (NaN, infinities) is counted instead. `row_count` is one of them: a key is there while
// it is above 0.

import { quoteIdent } from '../sql/quote.ts'
import { bucketOf, type BucketType } from './bucket.ts'
import type { AdditiveMeasure, Rollup } from './options.ts'

/** What the server says of an expression. */
export interface ExpressionFacts {
  /** In words that depend on no search_path. */
  readonly text: string
  /** As pg_type calls it: 'int4', 'numeric'. */
  readonly type: string
  /** numeric(p, s) holds no infinity. */
  readonly bounded: boolean
}

export interface SourceFacts {
  readonly bucketType: BucketType | undefined
  readonly where: string | undefined
  /** By the name of the measure. */
  readonly of: ReadonlyMap<string, ExpressionFacts>
  readonly filters: ReadonlyMap<string, string>
}

export interface State {
  readonly name: string
  readonly type: 'bigint' | 'numeric' | 'double precision'
  /** Over the rows of one key; null where there is nothing to add. */
  readonly aggregate: string
}

export interface Output {
  readonly name: string
  /** Over the states, by their names. */
  readonly value: string
}

export interface Shape {
  readonly rollup: Rollup
  /** Of the column that is put into buckets. */
  readonly bucketType: BucketType | undefined
  /** Name and expression over a row of the source; the bucket is the first. */
  readonly keys: readonly { readonly name: string; readonly value: string }[]
  readonly where: string | undefined
  readonly states: readonly State[]
  readonly outputs: readonly Output[]
}

export const bucketColumn = 'bucket'
export const rowCount = 'row_count'

export function shapeOf(rollup: Rollup, facts: SourceFacts): Shape {
  const { bucket, by, measures } = rollup
  const time =
    bucket === undefined || facts.bucketType === undefined
      ? []
      : [{ name: bucketColumn, value: bucketOf(bucket, facts.bucketType, quoteIdent(bucket.column)) }]
  const parts = measures.map((measure) => partsOf(measure, facts))
  return {
    rollup,
    bucketType: facts.bucketType,
    keys: [...time, ...by.map((name) => ({ name, value: quoteIdent(name) }))],
    where: facts.where,
    states: [
      { name: rowCount, type: 'bigint', aggregate: 'pg_catalog.count(*)' },
      ...parts.flatMap(({ states }) => states),
    ],
    outputs: parts.map(({ output }) => output),
  }
}

interface Parts {
  readonly states: readonly State[]
  readonly output: Output
}

function partsOf(measure: AdditiveMeasure, facts: SourceFacts): Parts {
  const { name } = measure
  const filter = facts.filters.get(name)
  const of = facts.of.get(name)
  if (measure.kind === 'count' || of === undefined) {
    if (filter === undefined && of === undefined) return { states: [], output: { name, value: quoteIdent(rowCount) } }
    const counted = of === undefined ? 'pg_catalog.count(*)' : `pg_catalog.count(${of.text})`
    return {
      states: [{ name, type: 'bigint', aggregate: filtered(counted, filter) }],
      output: { name, value: quoteIdent(name) },
    }
  }
  return sumParts(measure, of, filter)
}

function sumParts({ name, kind }: AdditiveMeasure, of: ExpressionFacts, filter: string | undefined): Parts {
  const odd = oddValuesOf(of)
  const total = { name: kind === 'avg' ? `${name}_sum` : name, type: sumTypes[of.type] ?? 'numeric' } as const
  const finite = odd.map(({ value }) => `(${of.text}) <> '${value}'`)
  const n = `${name}_n`
  const states: readonly State[] = [
    { ...total, aggregate: filtered(`pg_catalog.sum(${of.text})`, all(filter, ...finite)) },
    counter(n, filtered(`pg_catalog.count(${of.text})`, filter)),
    ...odd.map(({ suffix, value }) =>
      counter(`${name}_${suffix}`, filtered('pg_catalog.count(*)', all(filter, `(${of.text}) = '${value}'`))),
    ),
  ]
  const mean = total.type === 'bigint' ? `${quoteIdent(total.name)}::numeric` : quoteIdent(total.name)
  const plain = kind === 'avg' ? `${mean} / ${quoteIdent(n)}` : quoteIdent(total.name)
  const type = of.type === 'float4' && kind === 'sum' ? 'real' : total.type === 'bigint' ? undefined : total.type
  return { states, output: { name, value: outputOf({ name, n, odd, plain, type }) } }
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
  readonly suffix: 'nan' | 'inf' | 'ninf'
  readonly value: 'NaN' | 'Infinity' | '-Infinity'
}

function oddValuesOf({ type, bounded }: ExpressionFacts): readonly OddValue[] {
  if (type.startsWith('int')) return []
  const nan = { suffix: 'nan', value: 'NaN' } as const
  if (type === 'numeric' && bounded) return [nan]
  return [nan, { suffix: 'inf', value: 'Infinity' }, { suffix: 'ninf', value: '-Infinity' }]
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
  readonly name: string
  readonly n: string
  readonly odd: readonly OddValue[]
  readonly plain: string
  readonly type: string | undefined
}

/** What sum() and avg() of the rows themselves say: NaN outdoes all, and infinities of both signs are NaN. */
function outputOf({ name, n, odd, plain, type }: OutputSubject): string {
  const count = (suffix: OddValue['suffix']): string => `${quoteIdent(`${name}_${suffix}`)} > 0`
  const cast = type === undefined ? '' : `::${type}`
  const has = new Set(odd.map(({ suffix }) => suffix))
  const cases = [
    ...(has.has('nan') ? [`when ${count('nan')} then 'NaN'${cast}`] : []),
    ...(has.has('inf')
      ? [
          `when ${count('inf')} and ${count('ninf')} then 'NaN'${cast}`,
          `when ${count('inf')} then 'Infinity'${cast}`,
          `when ${count('ninf')} then '-Infinity'${cast}`,
        ]
      : []),
    `when ${quoteIdent(n)} > 0 then ${type === 'real' ? `(${plain})::real` : plain}`,
  ]
  return `case ${cases.join(' ')} end`
}
