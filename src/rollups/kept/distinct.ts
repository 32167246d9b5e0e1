// Distinct values in totals: how many different ones a key has, of all time and in each window, for the measures that ask for it.
//
// What holds, at every commit: of each key and value stands once how many merged rows have it, of all time and in each window,
// as `_values` has it by bucket; totals count the values whose number is above 0. A number that passes from 0 to more than 0, or
// back, moves the count of its key by one: what a statement moved is left in the columns `moved` of the rows that it wrote, for
// before 18 RETURNING does not tell what was there before. Values that no row has go.
//
// Without a bucket `_values` has them by the key of totals already: they are counted there, and kept once.

import { quoteIdent } from '../../sql/quote.ts'
import { membersOf, membersTotalsOf } from '../model/names.ts'
import { hasCrossed, placesMoved, placesNow, totalsIn, totalsKeys } from './places.ts'
import { bucketColumn, type Shape } from '../model/shape.ts'
import { valuesIn } from '../model/values-statements.ts'
import type { ValuesMeasure } from '../model/values.ts'

export const distinctIn = (shape: Shape): readonly ValuesMeasure[] =>
  shape.totals === undefined ? [] : valuesIn(shape).filter(({ windows }) => windows === true)

/** Whether values are kept by the key of totals anyway, and counted there. */
export const isKeptOnce = ({ rollup }: Shape): boolean => rollup.bucket === undefined

/** Those of which totals have numbers of their own. */
export const distinctBeside = (shape: Shape): readonly ValuesMeasure[] => (isKeptOnce(shape) ? [] : distinctIn(shape))

/** Of all time, then of each window: the number of rows with the value, and by how much the count of its key was moved. */
export function countsIn(shape: Shape): readonly { readonly n: string; readonly moved: string }[] {
  const suffixes = ['', ...totalsIn(shape).windows.map(({ name }) => `_${name}`)]
  return suffixes.map((suffix) => ({ n: quoteIdent(`n${suffix}`), moved: quoteIdent(`moved${suffix}`) }))
}

/** Of a CTE that writes the values of the measure in this place. */
export const countedName = (place: number): string => `counted_${place}`

/** Adds numbers up that stand in `from`, with the bucket, or takes them away. */
export function upsertCounted(
  shape: Shape,
  measure: ValuesMeasure,
  { from, sign = 1 }: { readonly from: string; readonly sign?: 1 | -1 },
): string {
  return upsert(shape, measure, summedUp(shape, { from, sign }))
}

/** In the block that advances: what enters windows, and what leaves them. */
function moveCounted(shape: Shape, measure: ValuesMeasure): string {
  const [, ...windows] = countsIn(shape)
  const from = `${membersOf(shape.rollup, measure.name)}\n  where ${hasCrossed(shape)}`
  const sums = windows.map((_, window) => `pg_catalog.sum(n * move_${window})`)
  const select = grouped(shape, { from, places: placesMoved(shape), sums: ['0', ...sums] })
  return upsert(shape, measure, [...select, `having ${sums.map((sum) => `${sum} <> 0`).join(' or ')}`])
}

interface Rows {
  readonly from: string
  readonly sign: 1 | -1
}

function summedUp(shape: Shape, { from, sign }: Rows): readonly string[] {
  const sums = countsIn(shape).map((_, place) =>
    place === 0 ? 'pg_catalog.sum(n)' : `coalesce(pg_catalog.sum(n) filter (where in_${place - 1}), 0)`,
  )
  const signed = sums.map((sum) => (sign === -1 ? `-${sum}` : sum))
  const select = grouped(shape, { from, places: placesNow(shape), sums: signed })
  return [...select, `having ${sums.map((sum) => `${sum} <> 0`).join(' or ')}`]
}

function grouped(
  shape: Shape,
  {
    from,
    places,
    sums,
  }: { readonly from: string; readonly places: readonly string[]; readonly sums: readonly string[] },
): readonly string[] {
  const keys = totalsKeys(shape)
  const columns = [...keys, 'value', 'n', ...places].join(', ')
  const counts = countsIn(shape).map(({ n }, place) => `${sums[place] ?? ''}::bigint as ${n}`)
  return [
    `select ${[...keys, 'value', ...counts].join(', ')}`,
    `from (select ${columns} from ${from}) as placed`,
    `group by ${[...keys, 'value'].map((_, place) => place + 1).join(', ')}`,
  ]
}

/** In the order of the key, as rows of totals are. */
function insert(shape: Shape, { name }: ValuesMeasure, select: readonly string[]): string {
  const keys = [...totalsKeys(shape), 'value']
  const counts = countsIn(shape)
  const columns = [...keys, ...counts.map(({ n }) => n), ...counts.map(({ moved }) => moved)]
  return [
    `insert into ${membersTotalsOf(shape.rollup, name)} as c (${columns.join(', ')})`,
    `select ${[...keys, ...counts.map(({ n }) => n), ...counts.map(({ n }) => isThere(n))].join(', ')}`,
    `from (\n${select.join('\n')}\n) as changed`,
    `order by ${keys.join(', ')}`,
  ].join('\n')
}

const isThere = (number: string): string => `(${number} > 0)::pg_catalog.int4`

function upsert(shape: Shape, measure: ValuesMeasure, select: readonly string[]): string {
  const counts = countsIn(shape)
  return [
    insert(shape, measure, select),
    `on conflict (${[...totalsKeys(shape), 'value'].join(', ')})`,
    `do update set ${[
      ...counts.map(({ n }) => `${n} = c.${n} + excluded.${n}`),
      ...counts.map(({ n, moved }) => `${moved} = ${isThere(`c.${n} + excluded.${n}`)} - ${isThere(`c.${n}`)}`),
    ].join(', ')}`,
  ].join('\n')
}

/** What is kept once is gone, or there, by the statement itself: what that moved, as `returnedOf` has it. */
export function returnedOnce(shape: Shape, sign: 1 | -1): readonly string[] {
  return [
    ...totalsKeys(shape).map((key, place) => `${key} as key_${place}`),
    `${sign === -1 ? '-' : ''}(n > 0)::pg_catalog.int4 as moved_0`,
  ]
}

/** What `upsertCounted` and `moveCounted` return for totals, under names that no key has. */
export function returnedOf(shape: Shape): readonly string[] {
  return [
    ...totalsKeys(shape).map((key, place) => `c.${key} as key_${place}`),
    ...countsIn(shape).map(({ moved }, place) => `c.${moved} as moved_${place}`),
  ]
}

/** Whoever writes totals in one statement with it: values first, then what they moved. */
export function movingCtes(shape: Shape): readonly string[] {
  return distinctIn(shape).map(
    (measure, place) =>
      `${countedName(place)} as (\n${moveCounted(shape, measure)}\nreturning ${returnedOf(shape).join(', ')}\n)`,
  )
}

/** By key, what there is to be added to each column of the measure. */
export interface Arm {
  readonly keys: readonly string[]
  readonly sums: readonly string[]
  readonly from: string
}

/** What was moved by the statement that writes. */
export function movedArm(shape: Shape, place: number): Arm {
  return {
    keys: totalsKeys(shape).map((_, key) => `key_${key}`),
    sums: countsIn(shape).map((_, count) => `pg_catalog.sum(moved_${count})`),
    from: countedName(place),
  }
}

/** All there is. */
export function keptArm(shape: Shape, { name }: ValuesMeasure): Arm {
  return armOf(shape, membersTotalsOf(shape.rollup, name))
}

/** The same as the values by bucket say it, with the other sign. */
export function truthArm(shape: Shape, measure: ValuesMeasure): Arm {
  const { name } = measure
  const from = summedUp(shape, { from: membersOf(shape.rollup, name), sign: 1 })
  const arm = isKeptOnce(shape) ? keptArm(shape, measure) : armOf(shape, `(\n${from.join('\n')}\n) as members`)
  return { ...arm, sums: arm.sums.map((sum) => `-${sum}`) }
}

function armOf(shape: Shape, from: string): Arm {
  const sums = countsIn(shape).map(({ n }) => `pg_catalog.count(*) filter (where ${n} > 0)`)
  return { keys: totalsKeys(shape), sums, from }
}

/** Keys, and a column that is true, for each value that is kept otherwise than the values by bucket say. */
export function keysOff(shape: Shape, { name }: ValuesMeasure): string {
  const [keys, counts] = [totalsKeys(shape), countsIn(shape).map(({ n }) => n)]
  const columns = [...keys, 'value', ...counts].join(', ')
  const truth = summedUp(shape, { from: membersOf(shape.rollup, name), sign: -1 })
  return `select ${[...keys, 'true'].join(', ')}
from (
  select ${columns} from ${membersTotalsOf(shape.rollup, name)}
  union all
  (${truth.join('\n')})
) as both_sides
group by ${[...keys, 'value'].join(', ')}
having ${counts.map((n) => `pg_catalog.sum(${n}) <> 0`).join(' or ')}`
}

/**
 * Over a row that was written, 0 where no row has the value any more. While a measure that was declared later is filled, rows go
 * that were never counted: a number may be 0 of all time and not so of a window, and below 0 in between.
 */
export function leftOfCounted(shape: Shape): string {
  const sizes = countsIn(shape).map(({ n }) => `pg_catalog.abs(c.${n})`)
  return sizes.length === 1 ? sizes.join('') : `greatest(${sizes.join(', ')})`
}

/** Values that no row has any more. */
export function deleteUncounted(shape: Shape, { name }: ValuesMeasure): string {
  return `delete from ${membersTotalsOf(shape.rollup, name)} as c where ${leftOfCounted(shape)} = 0`
}

/** Where there are none, from the values by bucket, at the instant that the lock table holds. */
export function fillCounted(shape: Shape): readonly string[] {
  return distinctBeside(shape).map((measure) =>
    insert(shape, measure, summedUp(shape, { from: membersOf(shape.rollup, measure.name), sign: 1 })),
  )
}

/** What they and `_values` have in common, the bucket aside: for who changes those. */
export function memberRowsOf(shape: Shape): string {
  return [...totalsKeys(shape), quoteIdent(bucketColumn), 'value', 'n'].join(', ')
}
