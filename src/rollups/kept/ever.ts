// `song_plays_ever`: one row for each key, of all time, exact to the last commit: totals, and what is pending.
//
// What holds: a snapshot sees each change either in totals or in a delta, so the sum of both is what a recount gives. What is
// pending of distinct values is added up value by value first: one counts where the number of rows that have it passes from 0 to
// more, or back, as it will when it is merged. Conditions on keys reach both sides: totals and values are found by their
// indexes; a delta has none, and is short.

import { quoteIdent, quoteLiteral } from '../../sql/quote.ts'
import { deltaOf, everViewOf, membersDeltaOf, membersTotalsOf, totalsOf, viewOf } from '../model/names.ts'
import { isInTotals, rowCount, type Output, type Shape } from '../model/shape.ts'
import { sumOfState } from '../model/statements.ts'
import type { ValuesMeasure } from '../model/values.ts'
import { distinctIn } from './distinct.ts'
import { totalsIn, totalsKeys } from './places.ts'
import { shownInTotals } from './totals-tables.ts'

export function createEverView(shape: Shape): readonly string[] {
  const { rollup, states } = shape
  const keys = totalsKeys(shape)
  const outputs = outputsOf(shape)
  const distinct = distinctIn(shape).filter((measure) => outputs.some(({ name }) => name === measure.name))
  const names = distinct.map(({ name }) => quoteIdent(name))
  const columns = [...keys, ...states.map(({ name }) => quoteIdent(name))]
  const sums = [...states.map(sumOfState), ...names.map((name) => `pg_catalog.sum(${name})::bigint as ${name}`)]
  const parts = [
    `select ${[...columns, ...names].join(', ')}\nfrom ${totalsOf(rollup)}`,
    `select ${[...columns, ...names.map(() => '0::bigint')].join(', ')}\nfrom ${deltaOf(rollup)}`,
    ...distinct.map((measure) => movedByPending(shape, measure, distinct)),
  ]
  const view = everViewOf(rollup)
  return [
    `create view ${view} as
select ${[...keys, ...outputs.map(({ name, value }) => `${value} as ${quoteIdent(name)}`)].join(', ')}
from (
select ${[...keys, ...sums].join(', ')}
from (
${parts.join('\nunion all\n')}
) as part
${keys.length === 0 ? '' : `group by ${keys.join(', ')}\n`}having pg_catalog.sum(${quoteIdent(rowCount)}) > 0
) as summed`,
    `comment on view ${view} is ${quoteLiteral(`Rollup ${viewOf(rollup)} by key alone, of all time: exact to the last commit.`)}`,
  ]
}

/** Of all time, and not of windows. */
function outputsOf(shape: Shape): readonly Output[] {
  const shown = new Set(shownInTotals(shape))
  const measures = new Set(shape.rollup.measures.filter(isInTotals).map(({ name }) => name))
  return totalsIn(shape).outputs.filter(({ name }) => measures.has(name) && shown.has(name))
}

/** A row for each pending value: by how much it moves the number of different ones of its key. */
function movedByPending(shape: Shape, measure: ValuesMeasure, all: readonly ValuesMeasure[]): string {
  const {
    rollup,
    keys,
    states,
    equals,
    rollup: { by },
  } = shape
  const own = totalsKeys(shape)
  const matches = by.map((name) => {
    const [kept, key] = [`c.${quoteIdent(name)}`, `p.${quoteIdent(name)}`]
    const equal = `${kept} ${equals?.[name] ?? '='} ${key}`
    const isNotNull = keys.some((one) => one.name === name && one.notNull === true)
    return isNotNull ? equal : `(${equal} or (${kept} is null and ${key} is null))`
  })
  const moved = `coalesce((
  select (c.n + p.n > 0)::pg_catalog.int4 - (c.n > 0)::pg_catalog.int4
  from ${membersTotalsOf(rollup, measure.name)} as c
  where ${[...matches, `c.value ${measure.equal ?? '='} p.value`].join('\n    and ')}
), (p.n > 0)::pg_catalog.int4)::bigint`
  const columns = [
    ...own.map((key) => `p.${key}`),
    ...states.map(({ type }) => `0::${type}`),
    ...all.map(({ name }) => (name === measure.name ? moved : '0::bigint')),
  ]
  const groups = [...own, 'value'].join(', ')
  return `select ${columns.join(', ')}
from (
select ${groups}, pg_catalog.sum(n)::bigint as n
from ${membersDeltaOf(rollup, measure.name)}
group by ${groups}
having pg_catalog.sum(n) <> 0
) as p`
}
