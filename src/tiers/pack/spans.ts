// What is known of every segment: how many rows it has, what they have in common, least, most and sum of columns that have them.
//
// In tables of this transaction alone, each of so many columns as have room in a page, and a view over them.

import type { Session } from '../../db/db.ts'
import { quoteIdent } from '../../sql/quote.ts'
import { sql } from '../../sql/sql.ts'
import type { SourceColumn } from '../model/columns.ts'
import { keyName, leastName, mostName, sumName } from './column.ts'
import type { Keys } from './keys.ts'
import { hasEnds, kindOf, textOf } from './kinds.ts'
import { sorted } from './sort.ts'

/**
 * One row a segment: cut, segment (from 1 on), rows, k<n>, least_<n>, most_<n>, sum_<n>; filled_<n>, how many are not null; of a
 * numeric finite_<n>, low_<n>, high_<n>, its scales; same_<n>, whether all have the value that seemed to be the only one.
 */
export const spans = 'pg_temp.pgstrata_spans'

const columnsOfTable = 60

export async function createSpans(tx: Session, columns: readonly SourceColumn[], keys: Keys): Promise<void> {
  const common = columns.filter(({ name }) => keys.declared.includes(name) || keys.added.includes(name))
  const head = [
    'row_number() over (order by s.pgstrata_cut) as segment',
    'count(*)::int4 as rows',
    ...common.map((column) => `s.${quoteIdent(column.name)} as ${keyName(column)}`),
  ]
  const group = ['s.pgstrata_cut', ...common.map(({ name }) => `s.${quoteIdent(name)}`)].join(', ')
  const tables: string[] = []
  for (let from = 0; from < columns.length; from += columnsOfTable) {
    const name = `pgstrata_spans_${from}`
    const own = columns.slice(from, from + columnsOfTable).flatMap((column) => factsOf(column, keys))
    const list = ['s.pgstrata_cut as cut', ...(from === 0 ? head : []), ...own]
    await tx.query(
      sql.raw(`create temp table ${name} on commit drop as
select ${list.join(',\n  ')}
from ${sorted} as s
group by ${group}`),
    )
    await tx.query(sql.raw(`alter table pg_temp.${name} add primary key (cut)`))
    await tx.query(sql.raw(`analyze pg_temp.${name} (cut)`))
    tables.push(`pg_temp.${name}`)
  }
  const joined = tables.map((table, index) => (index === 0 ? table : `join ${table} using (cut)`))
  await tx.query(sql.raw(`create temp view pgstrata_spans as\nselect *\nfrom ${joined.join('\n')}`))
}

function factsOf(column: SourceColumn, keys: Keys): readonly string[] {
  const { attnum, type } = column
  const value = `s.${quoteIdent(column.name)}`
  const constant = keys.constants.get(column.name)
  const ends = [`min(${value}) as ${leastName(column)}`, `max(${value}) as ${mostName(column)}`]
  const scales = [
    `count(scale(${value})) as finite_${attnum}`,
    `min(scale(${value})) as low_${attnum}`,
    `max(scale(${value})) as high_${attnum}`,
  ]
  return [
    `count(${value}) as filled_${attnum}`,
    ...(keepsEnds(column, keys) ? ends : []),
    ...(canBeSummed(type) ? [`sum(${value})::numeric as ${sumName(column)}`] : []),
    ...(kindOf(type) === 'numeric' ? scales : []),
    ...(constant === undefined
      ? []
      : [`bool_and(${textOf(type, value)} is not distinct from ${constant}) as same_${attnum}`]),
  ]
}

/** Segments have the least and the most of it. */
export function keepsEnds({ name, type, kind }: SourceColumn, { givenUp }: Keys): boolean {
  return hasEnds(type) || (kind === 'base' && kindOf(type) === 'text' && givenUp.includes(name))
}

export function canBeSummed(type: string): boolean {
  return kindOf(type) === 'integer' || kindOf(type) === 'numeric'
}
