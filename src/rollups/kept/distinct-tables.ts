// What distinct values in totals are counted by: how many rows have each, by the key of totals.

import { quoteIdent, quoteLiteral } from '../../sql/quote.ts'
import { countsIn, distinctIn } from './distinct.ts'
import { membersOf, membersTotalsOf, viewOf } from '../model/names.ts'
import { totalsKeys } from './places.ts'
import type { Shape } from '../model/shape.ts'

/** `settings`: of the merged table. The columns are those of the values by bucket, so that types, domains and collations are. */
export function createDistinct(shape: Shape, settings: string): readonly string[] {
  const { rollup } = shape
  const measures = distinctIn(shape)
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
