// Where rows of a history are, as parts of one statement: the table, loose rows, packs, and files that were loaded. Each part has
// the columns of the table under their names, and only those that are asked for are unfolded.

import { sql, type Sql } from '../../sql/sql.ts'
import { looseOf } from '../history/loose.ts'
import { placesOf, type LivePack, type TierObjects } from '../history/objects.ts'
import { packRows } from '../history/pack-rows.ts'
import type { SourceColumn } from '../model/columns.ts'
import { allOf, inRow, isMatch, isWithin, type Filter, type Interval } from './asked.ts'

/** A relation `r`, and what is asked of it. */
export interface Branch {
  readonly from: string
  readonly conditions: readonly Sql[]
}

export interface Wanted extends Interval {
  readonly filters: readonly Filter[]
}

export function tableBranch(objects: TierObjects, wanted: Wanted): Branch {
  return rowsBranch(objects, placesOf(objects).table, wanted)
}

export function looseBranch(objects: TierObjects, pack: LivePack, wanted: Wanted): Branch {
  return rowsBranch(objects, looseOf(objects, pack), wanted)
}

/** Of any relation that has the columns of the table. */
export function rowsBranch(objects: TierObjects, relation: string, wanted: Wanted): Branch {
  return { from: `${relation} as r`, conditions: conditionsOf(objects, wanted) }
}

/** `columns`: what is read of it, beside what is asked of its rows. */
export function packBranch(
  objects: TierObjects,
  pack: LivePack,
  { columns, ...wanted }: Wanted & { readonly columns: readonly SourceColumn[] },
): Branch {
  const asked = new Set([...columns, ...wanted.filters.map(({ column }) => column), objects.axis])
  const unfolded = objects.columns.filter((column) => asked.has(column))
  return {
    from: `(${packRows(objects, pack, { columns: unfolded })}) as r`,
    conditions: [...isTouched(objects, wanted), ...conditionsOf(objects, wanted)],
  }
}

function conditionsOf(objects: TierObjects, { filters, ...interval }: Wanted): readonly Sql[] {
  return [
    ...isWithin(objects, interval, inRow('r', objects.axis)),
    ...filters.map((filter) => isMatch(filter, inRow('r', filter.column))),
  ]
}

/** Its segment has something of the interval. */
function isTouched({ axis }: TierObjects, { since, until }: Interval): readonly Sql[] {
  const type = sql.raw(axis.type)
  return [
    ...(since === undefined ? [] : [sql`r.pgstrata_most >= ${since}::${type}`]),
    ...(until === undefined ? [] : [sql`r.pgstrata_least < ${until}::${type}`]),
  ]
}

export function selectFrom({ from, conditions }: Branch, list: string): Sql {
  return sql`select ${sql.raw(list)}
from ${sql.raw(from)}
where ${allOf(conditions)}`
}
