// What follows from the merged table, totals and levels, as one list: whoever changes the merged table changes all of them, in the
// same transaction and under the same lock. Distinct values in totals follow from the values by bucket, in the same statement;
// where they are those values, what it does to them is what totals follow from.

import { quoteIdent } from '../../sql/quote.ts'
import {
  countDifferentInLevel,
  deleteEmptiedInLevel,
  fillLevels,
  levelsIn,
  refillLevels,
  upsertLevel,
} from './levels.ts'
import {
  countedName,
  deleteUncounted,
  distinctIn,
  leftOfCounted,
  isKeptOnce,
  memberRowsOf,
  returnedOf,
  returnedOnce,
  upsertCounted,
} from './distinct.ts'
import { levelOf, membersTotalsOf, totalsOf } from '../model/names.ts'
import { rowCount, type Shape } from '../model/shape.ts'
import { additiveColumnsOf } from '../model/statements.ts'
import { countDifferent, deleteEmptied, fillTotals, refillTotals, upsertTotals } from './totals.ts'

export interface Follower {
  /** Of a CTE. */
  readonly name: string
  readonly table: string
  /** What it is called in `upsert`. */
  readonly as: string
  /** Over a row that was written, 0 where nothing is left of it. */
  readonly left: string
  /** The measure whose values by bucket it follows from, and not from the merged table. */
  readonly measure?: string
  /** What it tells those behind it in the list, which are written in the same statement. */
  readonly returned?: readonly string[]
  /** Adds rows of the merged table, or of those values, that stand in `from`, or takes them away. */
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
            left: `t.${quoteIdent(rowCount)}`,
            upsert: (rows) => upsertTotals(shape, rows),
            deleteEmptied: deleteEmptied(shape),
          },
        ]
  const levels = levelsIn(shape).map((level) => ({
    name: `level_${level.unit}`,
    table: levelOf(shape.rollup, level.unit),
    as: 'l',
    left: `l.${quoteIdent(rowCount)}`,
    upsert: (rows: Parameters<Follower['upsert']>[0]): string => upsertLevel(shape, level, rows),
    deleteEmptied: deleteEmptiedInLevel(shape, level),
  }))
  return [...countedOf(shape), ...totals, ...levels]
}

function countedOf(shape: Shape): readonly Follower[] {
  return distinctIn(shape).map((measure, place) => ({
    name: countedName(place),
    table: membersTotalsOf(shape.rollup, measure.name),
    as: 'c',
    left: leftOfCounted(shape),
    measure: measure.name,
    returned: returnedOf(shape),
    upsert: (rows) => upsertCounted(shape, measure, rows),
    deleteEmptied: deleteUncounted(shape, measure),
  }))
}

/** Where they are empty, from the merged table. */
export function fillFollowers(shape: Shape): readonly string[] {
  const totals = shape.totals === undefined ? [] : fillTotals(shape)
  return [...totals, ...fillLevels(shape)]
}

/** From the merged table, whatever they were; totals at the instant that the lock table holds. */
export function refillFollowers(shape: Shape): readonly string[] {
  return [...(shape.totals === undefined ? [] : refillTotals(shape)), ...refillLevels(shape)]
}

/** How many keys of totals, and of each level, are not what the merged table comes to; a statement for each. */
export function countDifferentInFollowers(shape: Shape): readonly string[] {
  const totals = shape.totals === undefined ? [] : [countDifferent(shape)]
  return [...totals, ...levelsIn(shape).map((level) => countDifferentInLevel(shape, level))]
}

interface Change {
  readonly followers: readonly Follower[]
  /** A statement that changes the merged table, and what it is called. */
  readonly change: string
  readonly name: 'gone' | 'added'
  readonly sign: 1 | -1
  /** Statements that change the values by bucket of those measures that followers follow from, by the name of the measure. */
  readonly values: ReadonlyMap<string, string>
}

/** Answers with how many keys each has emptied, by its name. */
export function changeWithFollowers(shape: Shape, { followers, change, name, sign, values }: Change): string {
  const written = followers.map((one) => {
    const own = one.measure === undefined ? undefined : values.get(one.measure)
    if (own !== undefined && isKeptOnce(shape)) {
      // Whatever goes has gone with it.
      return `${one.name} as (\n${own}\nreturning ${['1 as rows_left', ...returnedOnce(shape, sign)].join(', ')}\n)`
    }
    const from = own === undefined ? name : `${name}_${one.name}`
    const changed = own === undefined ? '' : `${from} as (\n${own}\nreturning ${memberRowsOf(shape)}\n), `
    return `${changed}${one.name} as (
${one.upsert({ from, sign })}
returning ${[`${one.left} as rows_left`, ...(one.returned ?? [])].join(', ')}
)`
  })
  const emptied = followers.map(
    (one) => `(select count(*)::float8 from ${one.name} where rows_left = 0) as ${quoteIdent(one.name)}`,
  )
  return `with ${name} as (
${change}
returning ${additiveColumnsOf(shape).join(', ')}
), ${written.join(', ')}
select ${emptied.join(', ')}`
}
