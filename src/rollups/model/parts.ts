// How one additive measure is kept: the states that are added up, and how it is read from them. Pure.
//
// What holds: each state is a number that is 0 for no rows. NaN and infinities, which nothing can be subtracted from, are counted
// beside the sum of all others.

import { quoteIdent } from '../../sql/quote.ts'
import type { Measure } from './options.ts'

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

interface MeasureFacts {
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

export const rowCount = 'row_count'

/** How one measure is kept. */
export interface Parts {
  readonly states: readonly State[]
  readonly output: Output
}

/** `suffix`: behind every name. */
export function partsOf(measure: Measure, facts: MeasureFacts, suffix = ''): Parts {
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
