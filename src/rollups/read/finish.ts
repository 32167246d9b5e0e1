// How a statement of a reader ends, whatever its rows come from: in which order, how many, and what is joined to them.

import { quoteIdent, quoteQualified } from '../../sql/quote.ts'
import { sql, type Sql } from '../../sql/sql.ts'
import type { Rollup } from '../model/options.ts'
import { isTime, refuse, requireDistinct, type Asked, type Join } from './asked.ts'

/** `select`: a query whose columns are those of `by` and `measures`, and that an `order by` can stand behind. */
export function finishRead(
  rollup: Rollup,
  asked: Asked,
  { select, measures }: { readonly select: Sql; readonly measures: readonly string[] },
): Sql {
  const joined = asked.joins.flatMap(({ alias, columns }) => columns.map((column) => `${alias}_${column}`))
  const names = [...asked.by, ...measures, ...joined]
  requireDistinct(rollup, 'the columns that are read', names)
  requireDistinct(rollup, 'the names of joins', [...asked.joins.map(({ alias }) => alias), 'summed'])
  for (const { alias, on } of asked.joins) {
    if (!asked.by.includes(on)) throw refuse(rollup, `join(), "${alias}"`, `"${on}" in by()`, 'another grouping')
  }
  for (const { name } of asked.order) {
    if (!names.includes(name))
      throw refuse(rollup, 'orderBy()', `one of ${names.join(', ')}`, JSON.stringify(name.slice(0, 80)))
  }
  const ordersByJoined = asked.order.some(({ name }) => joined.includes(name))
  if (asked.joins.length === 0) return sql`${select}${ending(rollup, asked, true)}`
  // Rows are found first, where that does not depend on the joins: 20 of them need 20 rows of the other table.
  return sql`select ${sql.raw(selectJoined(asked, measures))}
from (
${ordersByJoined ? select : sql`${select}${ending(rollup, asked, true)}`}
) as summed${joinsOf(asked.joins)}${ending(rollup, asked, ordersByJoined)}`
}

function selectJoined({ by, joins }: Asked, measures: readonly string[]): string {
  return [
    ...[...by, ...measures].map((name) => `summed.${quoteIdent(name)}`),
    ...joins.flatMap(({ alias, columns }) =>
      columns.map((column) => `${quoteQualified(alias, column)} as ${quoteIdent(`${alias}_${column}`)}`),
    ),
  ].join(', ')
}

function joinsOf(joins: readonly Join[]): Sql {
  const texts = joins.map(({ alias, schema, table, on, key }) => {
    const place = `${quoteQualified(schema, table)} as ${quoteIdent(alias)}`
    return `\nleft join ${place} on ${quoteQualified(alias, key)} = summed.${quoteIdent(on)}`
  })
  return sql.raw(texts.join(''))
}

function ending(rollup: Rollup, { by, order, limit, offset }: Asked, isLimited: boolean): Sql {
  // What goes by time is read in its order.
  const isOrdered =
    order.length > 0 || limit !== undefined || offset !== undefined || by.some((name) => isTime(rollup, name))
  const ties = isOrdered ? by.filter((one) => !order.some(({ name }) => name === one)) : []
  const terms = [
    ...order.map(({ name, descending }) => `${quoteIdent(name)}${descending ? ' desc' : ''} nulls last`),
    ...ties.map(quoteIdent),
  ]
  const orderBy = terms.length === 0 ? '' : `\norder by ${terms.join(', ')}`
  const most = limit === undefined || !isLimited ? sql`` : sql`\nlimit ${limit}`
  const skipped = offset === undefined || !isLimited ? sql`` : sql`\noffset ${offset}`
  return sql`${sql.raw(orderBy)}${most}${skipped}`
}
