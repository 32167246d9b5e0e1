// What distinct values in totals are counted by: how many rows have each, by the key of totals. Without a bucket these are the values
// as they are kept, with a column more.

import { quoteIdent, quoteLiteral } from '../../sql/quote.ts'
import { countsIn, distinctBeside, distinctIn, isKeptOnce } from './distinct.ts'
import { membersOf, membersTotalsOf, viewOf } from '../model/names.ts'
import { totalsKeys } from './places.ts'
import type { Shape } from '../model/shape.ts'
import { valuesIn } from '../model/values-statements.ts'
import type { ValuesMeasure } from '../model/values.ts'

/** `settings`: of the merged table. The columns are those of the values by bucket, so that types, domains and collations are. */
export function createDistinct(shape: Shape, settings: string): readonly string[] {
  const { rollup } = shape
  if (isKeptOnce(shape)) return distinctIn(shape).flatMap((measure) => countWhereKept(shape, measure))
  const measures = distinctBeside(shape)
  if (measures.length === 0) return []
  const keys = totalsKeys(shape)
  const counts = countsIn(shape)
  const columns = [
    ...keys,
    'value',
    ...counts.map(({ n }) => `0::bigint as ${n}`),
    ...counts.map(({ moved }) => `0::pg_catalog.int4 as ${moved}`),
  ]
  const never = ['value', ...counts.flatMap(({ n, moved }) => [n, moved])]
  return measures.flatMap(({ name }) => {
    const table = membersTotalsOf(rollup, name)
    const what = `How many rows have each value of measure ${quoteIdent(name)} of rollup ${viewOf(rollup)}, of all time and in windows, as far as it is merged; and by how much the last merge moved the number of different ones.`
    return [
      `create table ${table}\nwith (${settings})\nas\nselect ${columns.join(', ')} from ${membersOf(rollup, name)}\nlimit 0`,
      `alter table ${table} ${never.map((column) => `alter column ${column} set not null`).join(', ')}`,
      `comment on table ${table} is ${quoteLiteral(what)}`,
      `create unique index on ${table} (${[...keys, 'value'].join(', ')}) nulls not distinct`,
    ]
  })
}

/** Once the values are there. */
function countWhereKept({ rollup }: Shape, { name }: ValuesMeasure): readonly string[] {
  const table = membersOf(rollup, name)
  const what = `By how much the last merge moved the number of different values of the key.`
  return [
    `alter table ${table} add column moved pg_catalog.int4 not null default 0`,
    `comment on column ${table}.moved is ${quoteLiteral(what)}`,
  ]
}

/** The tables of `to` where those of `from` are: beside the values made anew and empty; the rest where they are kept. */
export function changeDistinct(from: Shape, to: Shape, settings: string): readonly string[] {
  if (!isKeptOnce(to)) {
    const gone = distinctBeside(from).map(({ name }) => `drop table if exists ${membersTotalsOf(from.rollup, name)}`)
    return [...gone, ...createDistinct(to, settings)]
  }
  const isOf = (shape: Shape, { name }: ValuesMeasure): boolean => distinctIn(shape).some((one) => one.name === name)
  const stays = valuesIn(to).filter(({ name }) => valuesIn(from).some((one) => one.name === name))
  return [
    ...stays
      .filter((measure) => isOf(from, measure) && !isOf(to, measure))
      .map(({ name }) => `alter table ${membersOf(to.rollup, name)} drop column moved`),
    ...distinctIn(to)
      .filter((measure) => !isOf(from, measure))
      .flatMap((measure) => countWhereKept(to, measure)),
  ]
}
