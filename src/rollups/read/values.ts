// What a reader says of values: over whatever rows are put together, the numbers of each value are added up first, from whole
// buckets, what is pending and what the interval cuts off, and only then is anything read from them.
//
// Groups are matched as records, which takes nulls for equal, is by what each type itself takes for equal, whatever the
// search_path, and can be sorted: `is not distinct from` compares every group with every other.

import { quoteIdent } from '../../sql/quote.ts'
import { sql, type Sql } from '../../sql/sql.ts'
import { membersViewOf } from '../model/names.ts'
import type { Shape } from '../model/shape.ts'
import { countValues } from '../model/values-statements.ts'
import { ofNothing, resultsOf, type ValuesMeasure } from '../model/values.ts'
import type { Asked } from './asked.ts'
import { cutRows, edgesOf, groupValueOf, isNeeded, whereOf } from './groups.ts'

interface Found {
  /** A query of the groups that there are, with the other measures. */
  readonly found: Sql
  readonly values: readonly ValuesMeasure[]
  /** Of all measures, in their order. */
  readonly names: readonly string[]
}

export function joinValues(shape: Shape, asked: Asked, { found, values, names }: Found): Sql {
  const columns = names.map((name) => {
    const place = values.findIndex((measure) => measure.name === name)
    const measure = values[place]
    return measure === undefined
      ? `found.${quoteIdent(name)}`
      : `${ofNothing(measure, `values_${place}.result`)} as ${quoteIdent(name)}`
  })
  const select = [...asked.by.map((name) => `found.${quoteIdent(name)}`), ...columns].join(', ')
  const group = asked.by.map((name) => `found.${quoteIdent(name)}`).join(', ')
  const joins = values.map((measure, place) => {
    const own = asked.by.map((_, index) => `values_${place}.${groupColumn(index)}`).join(', ')
    const on = asked.by.length === 0 ? 'true' : `row(${group})::record = row(${own})::record`
    return sql`\nleft join (\n${resultsIn(shape, asked, measure)}\n${sql.raw(`) as values_${place} on ${on}`)}`
  })
  return sql`${sql.raw(`select ${select}`)}\nfrom (\n${found}\n) as found${sql.join(joins, '')}`
}

/** Not as they are called: a key may have any name. */
const groupColumn = (index: number): string => `group_${index}`

function resultsIn(shape: Shape, asked: Asked, measure: ValuesMeasure): Sql {
  const groups = asked.by.map((_, index) => groupColumn(index))
  // No expression holds a NUL.
  const [before = '', behind = ''] = resultsOf(measure, { members: '\0', groups }).split('\0')
  const named = asked.by.map((name, index) => `${groupValueOf(shape, name)} as ${groupColumn(index)}`)
  const places = [...named, 'value'].map((_, index) => index + 1)
  return sql`${sql.raw(`${before}select ${[...named, 'value', 'pg_catalog.sum(n)::bigint as n'].join(', ')}`)}
from ${sql.raw(membersIn(shape, asked, measure))} as part${whereOf(asked)}
${sql.raw(`group by ${places.join(', ')}\nhaving pg_catalog.sum(n) > 0${behind}`)}`
}

/** Whole buckets as they are kept, and what the interval cuts off from the source. */
function membersIn(shape: Shape, asked: Asked, measure: ValuesMeasure): string {
  const view = membersViewOf(shape.rollup, measure.name)
  if (asked.from === undefined) return view
  const edges = edgesOf(shape, asked)
  const keys = shape.keys.filter(({ name }) => isNeeded(shape, asked, name))
  const columns = [...keys.map(({ name }) => `whole.${quoteIdent(name)}`), 'whole.value', 'whole.n'].join(', ')
  const whole = `select ${columns}\nfrom ${view} as whole, cut\nwhere ${edges.whole.join('\n  and ')}`
  const cutOff = cutRows(shape, edges).map((rows) => countValues({ ...shape, keys }, measure, { from: rows, sign: 1 }))
  return `(\n${[whole, ...cutOff].join('\nunion all\n')}\n)`
}
