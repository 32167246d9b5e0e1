// The statements by which rows become states: what a set of rows comes to, by key. Everything is qualified, so that it means
// the same under any search_path.

import { quoteIdent, quoteLiteral } from '../sql/quote.ts'
import { deltaOf, lockOf, mergedOf } from './names.ts'
import type { Rollup } from './options.ts'
import { rowCount, type Shape, type State } from './shape.ts'

/** The columns of a delta, as SQL writes them. */
export function columnsOf({ keys, states }: Shape): readonly string[] {
  return [...keys, ...states].map(({ name }) => quoteIdent(name))
}

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

/** Adds up states that stand in `from`. */
export function sumOf(shape: Shape, { from, having }: { readonly from: string; readonly having: string }): string {
  return [
    `select ${[
      ...keysOf(shape),
      ...shape.states.map(({ name, type }) => `pg_catalog.sum(${quoteIdent(name)})::${type} as ${quoteIdent(name)}`),
    ].join(', ')}`,
    `from ${from}`,
    ...groupBy(shape),
    `having ${having}`,
  ].join('\n')
}

/** Not everything nets to nothing. */
export function anyLeft({ states }: Shape): string {
  return states.map(({ name }) => `pg_catalog.sum(${quoteIdent(name)}) <> 0`).join(' or ')
}

export function appendDelta(shape: Shape, select: string): string {
  return `insert into ${deltaOf(shape.rollup)} (${columnsOf(shape).join(', ')})\n${select}`
}

/** In the order of the key: two at once would wait for each other in a circle otherwise. */
export function upsertMerged(shape: Shape, select: string): string {
  const keys = keysOf(shape)
  const added = shape.states.map(
    ({ name }) => `${quoteIdent(name)} = m.${quoteIdent(name)} + excluded.${quoteIdent(name)}`,
  )
  return [
    `insert into ${mergedOf(shape.rollup)} as m (${columnsOf(shape).join(', ')})`,
    select,
    ...(keys.length === 0 ? [] : [`order by ${keys.join(', ')}`]),
    `on conflict (${(keys.length === 0 ? [quoteIdent(onlyKey)] : keysInIndex(shape)).join(', ')})`,
    `do update set ${added.join(', ')}`,
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
 * Merges what the snapshot sees, and that alone; in one REPEATABLE READ transaction, under the lock of the rollup. The last
 * one deletes what was merged.
 *
 * A key of which no row is left goes by the place of its row: to find it by its values would take the equality of each
 * type, and no index serves `is not distinct from`. The place holds, for nobody else changes the table.
 */
export function mergeStatements(shape: Shape): readonly string[] {
  const delta = deltaOf(shape.rollup)
  const upsert = upsertMerged(shape, sumOf(shape, { from: delta, having: anyLeft(shape) })).replaceAll('\n', '\n    ')
  const body = `#variable_conflict use_column
<<merging>>
declare
  gone pg_catalog.tid[];
begin
  with merged as (
    ${upsert}
    returning m.ctid as place, m.${quoteIdent(rowCount)} as rows_left
  )
  select pg_catalog.array_agg(merged.place) into merging.gone from merged where merged.rows_left = 0;
  if merging.gone is not null then
    delete from ${mergedOf(shape.rollup)} as m where m.ctid = any (merging.gone);
  end if;
end`
  return [`do ${quoteLiteral(body)}`, `delete from ${delta}`]
}

/**
 * EXCLUSIVE and not more: a dump reads the table under ACCESS SHARE for as long as it takes, and nobody merged meanwhile.
 * It is in no replica's way either.
 */
export function lockStatement(rollup: Pick<Rollup, 'name'>): string {
  return `lock table ${lockOf(rollup)} in exclusive mode`
}
