// What follows from the merged table, totals and levels, as one list: whoever changes the merged table changes all of them, in the
// same transaction and under the same lock.

import { quoteIdent } from '../../sql/quote.ts'
import { deleteEmptiedInLevel, fillLevels, levelsIn, refillLevels, upsertLevel } from './levels.ts'
import { levelOf, mergedOf, totalsOf } from '../model/names.ts'
import { rowCount, type Shape } from '../model/shape.ts'
import { additiveColumnsOf } from '../model/statements.ts'
import { deleteEmptied, refillTotals, upsertTotals } from './totals.ts'

export interface Follower {
  /** Of a CTE. */
  readonly name: string
  readonly table: string
  /** What it is called in `upsert`. */
  readonly as: string
  /** Adds rows of the merged table that stand in `from`, or takes them away. */
  readonly upsert: (rows: { readonly from: string; readonly sign?: 1 | -1 }) => string
  /** Takes out keys of which no row is left. */
  readonly deleteEmptied: string
}

export function followersOf(shape: Shape): readonly Follower[] {
  const totals: readonly Follower[] =
    shape.totals === undefined
      ? []
      : [
          {
            name: 'totaled',
            table: totalsOf(shape.rollup),
            as: 't',
            upsert: (rows) => upsertTotals(shape, rows),
            deleteEmptied: deleteEmptied(shape),
          },
        ]
  const levels = levelsIn(shape).map((level) => ({
    name: `level_${level.unit}`,
    table: levelOf(shape.rollup, level.unit),
    as: 'l',
    upsert: (rows: Parameters<Follower['upsert']>[0]): string => upsertLevel(shape, level, rows),
    deleteEmptied: deleteEmptiedInLevel(shape, level),
  }))
  return [...totals, ...levels]
}

/** Where they are empty, from the merged table. */
export function fillFollowers(shape: Shape): readonly string[] {
  const totals = shape.totals === undefined ? [] : [upsertTotals(shape, { from: mergedOf(shape.rollup) })]
  return [...totals, ...fillLevels(shape)]
}

/** From the merged table, whatever they were; totals at the instant that the lock table holds. */
export function refillFollowers(shape: Shape): readonly string[] {
  return [...(shape.totals === undefined ? [] : refillTotals(shape)), ...refillLevels(shape)]
}

interface Change {
  readonly followers: readonly Follower[]
  /** A statement that changes the merged table, and what it is called. */
  readonly change: string
  readonly name: 'gone' | 'added'
  readonly sign: 1 | -1
}

/** Answers with how many keys each has emptied, by its name. */
export function changeWithFollowers(shape: Shape, { followers, change, name, sign }: Change): string {
  const written = followers.map(
    (one) => `${one.name} as (
${one.upsert({ from: name, sign })}
returning ${one.as}.${quoteIdent(rowCount)} as rows_left
)`,
  )
  const emptied = followers.map(
    (one) => `(select count(*)::float8 from ${one.name} where rows_left = 0) as ${quoteIdent(one.name)}`,
  )
  return `with ${name} as (
${change}
returning ${additiveColumnsOf(shape).join(', ')}
), ${written.join(', ')}
select ${emptied.join(', ')}`
}
