// The levels of a rollup: the same by coarser buckets, kept up with what is merged.
//
// What holds, at every commit: a level is what the merged table comes to, added up by coarser bucket and key; its buckets are
// those in which the buckets of the rollup lie, by their labels. Whoever changes the merged table has the lock, and changes
// levels in the same transaction. Deltas are of the finest bucket alone: a reader adds up those and the level. Only what is
// additive is in a level: the rest is read from the finest.

import { quoteIdent } from '../../sql/quote.ts'
import { isContiguous } from '../model/bucket.ts'
import { deltaOf, levelOf, mergedOf } from '../model/names.ts'
import { bucketColumn, rowCount, type Level, type Shape } from '../model/shape.ts'
import { additiveColumnsOf, keysInIndex, keysOf, leftOver, sumOfState } from '../model/statements.ts'
import { liesWithin } from '../model/units.ts'

export const levelsIn = ({ levels = [] }: Shape): readonly Level[] => levels

/** Rows of `from`, by the bucket of the level, not added up. */
function rowsByLevel(shape: Shape, { value }: Level, from: string): string {
  const [, ...others] = additiveColumnsOf(shape)
  return `select ${[`${value} as ${quoteIdent(bucketColumn)}`, ...others].join(', ')} from ${from}`
}

interface Rows {
  /** Rows of the merged table, or of a finer level. */
  readonly from: string
  readonly sign?: 1 | -1
}

function addedUp(shape: Shape, level: Level, { from, sign = 1 }: Rows): readonly string[] {
  const keys = keysOf(shape)
  const sums = shape.states.map((state) => (sign === 1 ? sumOfState(state) : `-${sumOfState(state)}`))
  return [
    `select ${[...keys, ...sums].join(', ')}`,
    `from (${rowsByLevel(shape, level, from)}) as placed`,
    `group by ${keys.map((_, place) => place + 1).join(', ')}`,
  ]
}

/** Adds rows of the merged table to a level, or takes them away; in the order of the index. */
export function upsertLevel(shape: Shape, level: Level, rows: Rows): string {
  const states = shape.states.map(({ name }) => quoteIdent(name))
  return [
    `insert into ${levelOf(shape.rollup, level.unit)} as l (${additiveColumnsOf(shape).join(', ')})`,
    ...addedUp(shape, level, rows),
    // What moved within the bucket is no change of it.
    `having ${states.map((state) => `pg_catalog.sum(${state}) <> 0`).join(' or ')}`,
    `order by ${keysInIndex(shape).join(', ')}`,
    `on conflict (${keysInIndex(shape).join(', ')})`,
    `do update set ${states.map((state) => `${state} = l.${state} + excluded.${state}`).join(', ')}`,
  ].join('\n')
}

/** Into levels that are empty: each from the next finer one of which its buckets are made up. */
export function fillLevels(shape: Shape, levels: readonly Level[] = levelsIn(shape)): readonly string[] {
  return levels.map((level) => {
    const finer = levelsIn(shape).findLast(
      (one) => one !== level && liesWithin(one.unit, level.unit) && isCutByLabels(shape, one),
    )
    const from = finer === undefined ? mergedOf(shape.rollup) : levelOf(shape.rollup, finer.unit)
    return upsertLevel(shape, level, { from })
  })
}

/** From the merged table, whatever they were. */
export function refillLevels(shape: Shape): readonly string[] {
  const emptied = levelsIn(shape).map(({ unit }) => `delete from ${levelOf(shape.rollup, unit)}`)
  return [...emptied, ...fillLevels(shape)]
}

/**
 * Whether the label of its bucket lies in that bucket, and so in the coarser ones in which the bucket lies. Days and longer begin
 * on a day of theirs. Hours of a zone that is off by half an hour, or was, may be labelled with an instant of the hour before:
 * those are read as they are, and nothing is made up of them.
 */
export function isCutByLabels({ rollup: { bucket }, bucketType }: Shape, { unit }: Level): boolean {
  if (unit !== 'hour') return true
  if (bucket === undefined || bucketType === undefined) return false
  return isContiguous({ ...bucket, span: { unit, count: 1 } }, bucketType)
}

/** How many keys of a level are not what the merged table comes to; one statement, and so in one snapshot. */
export function countDifferentInLevel(shape: Shape, level: Level): string {
  const keys = keysOf(shape).join(', ')
  const columns = additiveColumnsOf(shape).join(', ')
  const kept = levelOf(shape.rollup, level.unit)
  return `select count(*)::float8 as different
from (
  select
  from (
    select ${columns} from ${kept}
    union all
    (${addedUp(shape, level, { from: mergedOf(shape.rollup), sign: -1 }).join('\n')})
  ) as both_sides (${columns})
  group by ${keys}
  having ${shape.states.map(leftOver).join(' or ')}
) as compared`
}

/** The rows that a level and what is pending come to, of which several may have one key. */
export function partsOfLevel(shape: Shape, level: Level): string {
  const columns = additiveColumnsOf(shape).join(', ')
  return `select ${columns} from ${levelOf(shape.rollup, level.unit)}
union all
${rowsByLevel(shape, level, deltaOf(shape.rollup))}`
}

/** Keys of which no row is left. */
export function deleteEmptiedInLevel({ rollup }: Shape, { unit }: Level): string {
  return `delete from ${levelOf(rollup, unit)} where ${quoteIdent(rowCount)} = 0`
}
