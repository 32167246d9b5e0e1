// The statements by which rows become states: what a set of rows comes to, by key. Everything is qualified, so that it means
// the same under any search_path.

import { quoteIdent } from '../../sql/quote.ts'
import { definitionColumn } from './definition.ts'
import {
  assignmentsOf,
  extremeColumns,
  extremesOfRows,
  extremesOfStates,
  isChanged,
  readColumnsOf,
} from './extremes.ts'
import { deltaOf, lockOf, mergedOf } from './names.ts'
import type { Rollup } from './options.ts'
import type { Extreme, Shape, State } from './shape.ts'

/** The columns of a delta, and of what is merged, as SQL writes them. */
export function columnsOf(shape: Shape): readonly string[] {
  return [...additiveColumnsOf(shape), ...extremesIn(shape).flatMap(extremeColumns)]
}

/** Keys and states. */
export function additiveColumnsOf({ keys, states }: Shape): readonly string[] {
  return [...keys, ...states].map(({ name }) => quoteIdent(name))
}

/** What readers read of both. */
export function readColumnsIn(shape: Shape): readonly string[] {
  return [...additiveColumnsOf(shape), ...extremesIn(shape).flatMap(readColumnsOf)]
}

const extremesIn = ({ extremes = [] }: Shape): readonly Extreme[] => extremes

export function keysOf({ keys }: Shape): readonly string[] {
  return keys.map(({ name }) => quoteIdent(name))
}

/** What the rows of `from` come to. `sign` −1: what is left when they go. `where`: of those rows, these. */
export function contributionOf(
  shape: Shape,
  { from, sign, where }: { readonly from: string; readonly sign: 1 | -1; readonly where?: string | undefined },
): string {
  const conditions = [shape.where, where].filter((condition) => condition !== undefined)
  const minus = sign === -1 ? '-' : ''
  return [
    `select ${[
      ...shape.keys.map(({ name, value }) => `${value} as ${quoteIdent(name)}`),
      ...shape.states.map((state) => `${minus}${settled(state, state.aggregate)} as ${quoteIdent(state.name)}`),
      ...extremesIn(shape).flatMap((extreme) => extremesOfRows(extreme, sign)),
    ].join(', ')}`,
    `from ${from}`,
    ...(conditions.length === 0 ? [] : [`where ${conditions.map((condition) => `(${condition})`).join(' and ')}`]),
    ...groupBy(shape),
    // Without keys even no row at all makes one.
    ...(shape.keys.length === 0 ? ['having pg_catalog.count(*) > 0'] : []),
  ].join('\n')
}

/** count() is never null, and a bigint already. */
function settled({ type }: State, aggregate: string): string {
  return aggregate.startsWith('pg_catalog.count(') ? aggregate : `coalesce(${aggregate}, 0)::${type}`
}

function groupBy({ keys }: Shape): readonly string[] {
  return keys.length === 0 ? [] : [`group by ${keys.map((_, index) => index + 1).join(', ')}`]
}

/** Of several rows of states, under its name. */
export function sumOfState({ name, type }: State): string {
  return `pg_catalog.sum(${quoteIdent(name)})::${type} as ${quoteIdent(name)}`
}

/** Over both sides of a comparison. Sums of floating point numbers differ in their last digits by the order of adding. */
export function leftOver({ name, type }: Pick<State, 'name' | 'type'>): string {
  const column = quoteIdent(name)
  if (type !== 'double precision') return `sum(${column}) <> 0`
  return `abs(sum(${column})) > 1e-9 * sum(abs(${column}))`
}

/** Adds up states that stand in `from`. */
export function sumOf(shape: Shape, { from, having }: { readonly from: string; readonly having: string }): string {
  return [
    `select ${[
      ...keysOf(shape),
      ...shape.states.map(sumOfState),
      ...extremesIn(shape).flatMap((extreme) => extremesOfStates(extreme, { gone: true })),
    ].join(', ')}`,
    `from ${from}`,
    ...groupBy(shape),
    `having ${having}`,
  ].join('\n')
}

/** Not everything nets to nothing. */
export function anyLeft(shape: Shape): string {
  const sums = shape.states.map(({ name }) => `pg_catalog.sum(${quoteIdent(name)}) <> 0`)
  return [...sums, ...extremesIn(shape).map(isChanged)].join(' or ')
}

export function appendDelta(shape: Shape, select: string): string {
  return `insert into ${deltaOf(shape.rollup)} (${columnsOf(shape).join(', ')})\n${select}`
}

/** In the order of the index: a key's rows of some buckets come to lie side by side, and are read as they lie. */
export function upsertMerged(shape: Shape, select: string): string {
  const added = shape.states.map(
    ({ name }) => `${quoteIdent(name)} = m.${quoteIdent(name)} + excluded.${quoteIdent(name)}`,
  )
  return [
    insertMerged(shape, select),
    `on conflict (${(shape.keys.length === 0 ? [quoteIdent(onlyKey)] : keysInIndex(shape)).join(', ')})`,
    `do update set ${[...added, ...extremesIn(shape).flatMap(assignmentsOf)].join(', ')}`,
  ].join('\n')
}

/** Where none of these keys is: what is made anew takes two thirds of the time of what may be there already. */
export function insertMerged(shape: Shape, select: string): string {
  return [
    `insert into ${mergedOf(shape.rollup)} as m (${columnsOf(shape).join(', ')})`,
    select,
    ...(shape.keys.length === 0 ? [] : [`order by ${keysInIndex(shape).join(', ')}`]),
  ].join('\n')
}

/** A rollup without keys has one row: its index needs something to be unique. */
export const onlyKey = 'only'

/** The key before the bucket: one key over a long time is what is read most. */
export function keysInIndex({ keys, rollup }: Shape): readonly string[] {
  const names = keys.map(({ name }) => quoteIdent(name))
  return rollup.bucket === undefined ? names : [...names.slice(1), ...names.slice(0, 1)]
}

/**
 * EXCLUSIVE and not more: a dump reads the table under ACCESS SHARE for as long as it takes, and nobody merged meanwhile.
 * It is in no replica's way either.
 */
export function lockStatement(rollup: Pick<Rollup, 'name'>): string {
  return `lock table ${lockOf(rollup)} in exclusive mode`
}

/** Behind the lock: fails where the rollup is kept in another way by now (undefined_column). */
export function requireDefinition(shape: Shape): string {
  return `select ${quoteIdent(definitionColumn(shape))} from ${lockOf(shape.rollup)} limit 0`
}

/** By which numbers and bytes become text, in casts that Postgres takes for immutable. */
export const outputSettings: readonly string[] = ['extra_float_digits = 1', "bytea_output = 'hex'"]
