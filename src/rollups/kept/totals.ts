// The totals of a rollup: one row for each key, of all time and of each window, kept up with what is merged.
//
// What holds, at every commit: totals are what the merged table comes to, added up by key; a window, of those buckets that are
// in it at the instant which the lock table holds. Whoever changes the merged table or that instant has the lock, and changes
// totals in the same transaction. So they are a merge behind the source and no more, and never drift: the same numbers are
// taken away that were added. A clock that was put back makes them anew.

import { assert } from '../../base/errors.ts'
import { quoteIdent, quoteLiteral } from '../../sql/quote.ts'
import { leftOver } from './levels.ts'
import { lockOf, mergedOf, totalsOf } from '../model/names.ts'
import { bucketColumn, rowCount, type Shape, type State, type TotalsShape } from '../model/shape.ts'
import { additiveColumnsOf, onlyKey, sumOfState } from '../model/statements.ts'
import { edgesAt, type WindowEdges } from '../model/windows.ts'

/** Windows are of the server's clock, unless a test says which time it is. */
export const serverClock = 'pg_catalog.clock_timestamp()'

export function totalsIn({ totals }: Shape): TotalsShape {
  assert(totals !== undefined, 'totals of a rollup that has none')
  return totals
}

/** Of the source: without the bucket. */
export function totalsKeys({ keys }: Shape): readonly string[] {
  return keys.filter(({ name }) => name !== bucketColumn).map(({ name }) => quoteIdent(name))
}

function edgesOf({ rollup, bucketType, totals }: Shape, at: string): WindowEdges {
  const { bucket } = rollup
  assert(bucket !== undefined && bucketType !== undefined, 'windows of a rollup without buckets')
  return edgesAt({ bucket, type: bucketType, spans: (totals?.windows ?? []).map(({ span }) => span) }, at)
}

/** States of all time, then those of each window, with the state they are of. */
function columnsIn(shape: Shape): readonly { readonly name: string; readonly of: State; readonly window?: number }[] {
  return [
    ...shape.states.map((of) => ({ name: of.name, of })),
    ...totalsIn(shape).windows.flatMap(({ states }, window) => states.map(({ name, of }) => ({ name, of, window }))),
  ]
}

/** Adds rows of the merged table to totals, or takes them away; `from` holds them, with the bucket. */
export function upsertTotals(shape: Shape, { from, sign = 1 }: Summed): string {
  return upsert(shape, summedUp(shape, { from, sign }))
}

interface Summed {
  readonly from: string
  readonly sign?: 1 | -1
}

/** By key, with the edges of windows as the lock table says. */
function summedUp(shape: Shape, { from, sign = 1 }: Summed): readonly string[] {
  const { upto, since } = edgesOf(shape, 'position.windows_at')
  // Each edge is a query of its own: known before the first row, and not computed for each.
  const last = ofPosition(shape, upto)
  const placed = since.map(
    (first, window) => `${quoteIdent(bucketColumn)} between ${ofPosition(shape, first)} and ${last} as in_${window}`,
  )
  const minus = sign === -1 ? '-' : ''
  const sums = columnsIn(shape).map(({ of: { name, type }, window }) => {
    const sum = `pg_catalog.sum(${quoteIdent(name)})`
    return window === undefined
      ? `${minus}${sum}::${type}`
      : `${minus}coalesce(${sum} filter (where in_${window}), 0)::${type}`
  })
  const rows = `select ${[...additiveColumnsOf(shape), ...placed].join(', ')} from ${from}`
  return [
    `select ${[...totalsKeys(shape), ...sums].join(', ')}`,
    parted(shape, rows, { prefix: 'in' }),
    ...groupBy(shape),
  ]
}

/** Added up by key and by where they are: a few rows for each key, so that each state is not added up for each window. */
function parted(shape: Shape, rows: string, { prefix }: { readonly prefix: 'in' | 'move' }): string {
  const places = totalsIn(shape).windows.map((_, window) => `${prefix}_${window}`)
  if (places.length === 0) return `from (${rows}) as placed`
  const groups = [...totalsKeys(shape), ...places]
  const sums = shape.states.map(sumOfState)
  return `from (
  select ${[...groups, ...sums].join(', ')}
  from (${rows}) as placed
  group by ${groups.map((_, place) => place + 1).join(', ')}
) as parted`
}

function groupBy(shape: Shape): readonly string[] {
  const keys = totalsKeys(shape)
  return keys.length === 0
    ? ['having pg_catalog.count(*) > 0']
    : [`group by ${keys.map((_, place) => place + 1).join(', ')}`]
}

/** `value`: over `position.windows_at`, the instant that windows are of. */
function ofPosition({ rollup }: Shape, value: string): string {
  return `(select ${value} from ${lockOf(rollup)} as position)`
}

/** In the order of the key, as rows of the merged table are. */
function upsert(shape: Shape, select: readonly string[]): string {
  const keys = totalsKeys(shape)
  const names = columnsIn(shape).map(({ name }) => quoteIdent(name))
  return [
    `insert into ${totalsOf(shape.rollup)} as t (${[...keys, ...names].join(', ')})`,
    ...select,
    ...(keys.length === 0 ? [] : [`order by ${keys.join(', ')}`]),
    `on conflict (${(keys.length === 0 ? [quoteIdent(onlyKey)] : keys).join(', ')})`,
    `do update set ${names.map((name) => `${name} = t.${name} + excluded.${name}`).join(', ')}`,
  ].join('\n')
}

/** Keys of which no row is left. */
export function deleteEmptied({ rollup }: Shape): string {
  return `delete from ${totalsOf(rollup)} where ${quoteIdent(rowCount)} = 0`
}

/** How many keys of totals are not what the merged table comes to; one statement, and so in one snapshot. */
export function countDifferent(shape: Shape): string {
  const keys = totalsKeys(shape)
  const names = columnsIn(shape).map(({ name }) => quoteIdent(name))
  const columns = [...keys, ...names].join(', ')
  return `select count(*)::float8 as different
from (
  select
  from (
    select ${[...keys, ...names].join(', ')} from ${totalsOf(shape.rollup)}
    union all
    (${summedUp(shape, { from: mergedOf(shape.rollup), sign: -1 }).join('\n')})
  ) as both_sides (${columns})
  ${keys.length === 0 ? '' : `group by ${keys.join(', ')}`}
  having ${columnsIn(shape)
    .map(({ name, of }) => leftOver({ name, type: of.type }))
    .join(' or ')}
) as compared`
}

/** From the merged table, at the instant that the lock table holds. */
export function refillTotals(shape: Shape): readonly string[] {
  return [`delete from ${totalsOf(shape.rollup)}`, upsertTotals(shape, { from: mergedOf(shape.rollup) })]
}

/** Whether an edge has moved on since. */
export function hasMoved(shape: Shape, at: string): string {
  const [was, is] = [edgesOf(shape, 'position.windows_at'), edgesOf(shape, at)]
  const moved = [was.upto, ...was.since].map((edge, place) => `${edge} <> ${[is.upto, ...is.since][place] ?? ''}`)
  return `exists (select from ${lockOf(shape.rollup)} as position where ${moved.join(' or ')})`
}

/**
 * Moves windows on to the instant `at`: what enters is added and what leaves is taken away, both as they are merged. Under
 * the lock, and before deltas are merged: those go by the new instant. One statement, which reads the buckets at the edges by
 * the index on them: its variables are known when it is planned.
 */
export function advanceStatement(shape: Shape, at: string): string {
  const { windows } = totalsIn(shape)
  const type = shape.bucketType === undefined ? '' : `pg_catalog.${shape.bucketType}`
  const [was, is] = [edgesOf(shape, 'advancing.was_at'), edgesOf(shape, 'advancing.is_at')]
  const edges = [
    { name: 'upto', was: was.upto, is: is.upto },
    ...windows.map((_, place) => ({ name: `since_${place}`, was: was.since[place] ?? '', is: is.since[place] ?? '' })),
  ]
  const body = `#variable_conflict use_column
<<advancing>>
declare
  was_at pg_catalog.timestamptz := ${ofPosition(shape, 'position.windows_at')};
  is_at pg_catalog.timestamptz := ${at};
${edges.map((edge) => `  was_${edge.name} ${type} := ${edge.was};\n  is_${edge.name} ${type} := ${edge.is};`).join('\n')}
begin
  if ${edges.map(({ name }) => `advancing.is_${name} = advancing.was_${name}`).join(' and ')} then
    return;
  end if;
  update ${lockOf(shape.rollup)} set windows_at = advancing.is_at;
  if ${edges.map(({ name }) => `advancing.is_${name} < advancing.was_${name}`).join(' or ')} then
    ${refillTotals(shape).join(';\n')};
    return;
  end if;
  ${moveStatement(shape)};
end`
  return `do ${quoteLiteral(body)}`
}

function moveStatement(shape: Shape): string {
  const bucket = quoteIdent(bucketColumn)
  const { windows } = totalsIn(shape)
  const inside = (edges: string, window: number): string =>
    `(${bucket} between advancing.${edges}_since_${window} and advancing.${edges}_upto)::pg_catalog.int4`
  const placed = windows.map((_, window) => `${inside('is', window)} - ${inside('was', window)} as move_${window}`)
  const crossed = [
    `${bucket} > advancing.was_upto and ${bucket} <= advancing.is_upto`,
    ...windows.map(
      (_, window) => `${bucket} >= advancing.was_since_${window} and ${bucket} < advancing.is_since_${window}`,
    ),
  ]
  const sums = columnsIn(shape).map(({ of: { name, type }, window }) =>
    window === undefined ? `0::${type}` : `pg_catalog.sum(${quoteIdent(name)} * move_${window})::${type}`,
  )
  const rows = `select ${[...additiveColumnsOf(shape), ...placed].join(', ')}
  from ${mergedOf(shape.rollup)}
  where ${crossed.map((range) => `(${range})`).join(' or ')}`
  return upsert(shape, [
    `select ${[...totalsKeys(shape), ...sums].join(', ')}`,
    parted(shape, rows, { prefix: 'move' }),
    ...groupBy(shape),
  ])
}
