// The totals of a rollup: one row for each key, of all time and of each window, kept up with what is merged.
//
// What holds, at every commit: totals are what the merged table comes to, added up by key; a window, of those buckets that are
// in it at the instant which the lock table holds. Whoever changes the merged table or that instant has the lock, and changes
// totals in the same transaction. So they are a merge behind the source and no more, and never drift: the same numbers are
// taken away that were added. A clock that was put back makes them anew. Of a measure that is still being filled, and that nobody
// reads yet, they are that when it is filled (fill.ts).

import { quoteIdent, quoteLiteral } from '../../sql/quote.ts'
import {
  distinctBeside,
  distinctIn,
  fillCounted,
  keptArm,
  keysOff,
  movedArm,
  movingCtes,
  truthArm,
  type Arm,
} from './distinct.ts'
import { lockOf, membersTotalsOf, mergedOf, totalsOf } from '../model/names.ts'
import { edgesOf, hasCrossed, ofPosition, placesMoved, placesNow, totalsIn, totalsKeys } from './places.ts'
import { rowCount, type Shape, type State } from '../model/shape.ts'
import { additiveColumnsOf, leftOver, onlyKey, sumOfState } from '../model/statements.ts'

/** Windows are of the server's clock, unless a test says which time it is. */
export const serverClock = 'pg_catalog.clock_timestamp()'

/** States of all time, then those of each window, with the state they are of. */
function columnsIn(shape: Shape): readonly { readonly name: string; readonly of: State; readonly window?: number }[] {
  return [
    ...shape.states.map((of) => ({ name: of.name, of })),
    ...totalsIn(shape).windows.flatMap(({ states }, window) => states.map(({ name, of }) => ({ name, of, window }))),
  ]
}

/**
 * Adds rows of the merged table to totals, or takes them away; `from` holds them, with the bucket. In one statement with what
 * counts distinct values, and behind it.
 */
export function upsertTotals(shape: Shape, { from, sign = 1 }: Summed): string {
  return upsert(shape, withArms(shape, summedUp(shape, { from, sign }), movedArms(shape)))
}

interface Summed {
  readonly from: string
  readonly sign?: 1 | -1
}

/** By key, with the edges of windows as the lock table says. */
function summedUp(shape: Shape, { from, sign = 1 }: Summed): readonly string[] {
  const minus = sign === -1 ? '-' : ''
  const sums = columnsIn(shape).map(({ of: { name, type }, window }) => {
    const sum = `pg_catalog.sum(${quoteIdent(name)})`
    return window === undefined
      ? `${minus}${sum}::${type}`
      : `${minus}coalesce(${sum} filter (where in_${window}), 0)::${type}`
  })
  const rows = `select ${[...additiveColumnsOf(shape), ...placesNow(shape)].join(', ')} from ${from}`
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

const movedArms = (shape: Shape): readonly Arm[] => distinctIn(shape).map((_, place) => movedArm(shape, place))

/** Of distinct values, the columns of each measure. */
const distinctColumns = (shape: Shape): readonly (readonly string[])[] =>
  (totalsIn(shape).distinct ?? []).map(({ columns }) => columns.map(quoteIdent))

/** What `select` and an arm for each measure of distinct values come to: one row for each key, with all columns. */
function withArms(shape: Shape, select: readonly string[], arms: readonly Arm[]): readonly string[] {
  if (arms.length === 0) return select
  const names = namesIn(shape)
  const sums = [
    ...columnsIn(shape).map(({ name, of }) => `pg_catalog.sum(${quoteIdent(name)})::${of.type}`),
    ...distinctColumns(shape).flatMap((all) => all.map((name) => `pg_catalog.sum(${name})::bigint`)),
  ]
  return [
    `select ${[...totalsKeys(shape), ...sums].join(', ')}`,
    `from (\n${unionOfArms(shape, select, arms)}\n) as both_sides (${[...totalsKeys(shape), ...names].join(', ')})`,
    ...groupBy(shape),
  ]
}

function unionOfArms(shape: Shape, select: readonly string[], arms: readonly Arm[]): string {
  const distinct = distinctColumns(shape)
  const zeros = distinct.flat().map(() => '0::bigint')
  const additive = columnsIn(shape)
  const names = [...totalsKeys(shape), ...additive.map(({ name }) => quoteIdent(name))].join(', ')
  const rest = arms.map(({ keys, sums, from }, place) => {
    const values = distinct.flatMap((columns, other) => (other === place ? sums : columns.map(() => '0')))
    const group = keys.length === 0 ? '' : ` group by ${keys.join(', ')}`
    const having = sums.map((sum) => `${sum} <> 0`).join(' or ')
    return `select ${[...keys, ...additive.map(() => '0'), ...values].join(', ')} from ${from}${group} having ${having}`
  })
  return [`select ${[names, ...zeros].join(', ')} from (\n${select.join('\n')}\n) as summed (${names})`, ...rest].join(
    '\nunion all\n',
  )
}

/** Of all columns beside the keys. */
function namesIn(shape: Shape): readonly string[] {
  return [...columnsIn(shape).map(({ name }) => quoteIdent(name)), ...distinctColumns(shape).flat()]
}

/** In the order of the key, as rows of the merged table are. */
function upsert(shape: Shape, select: readonly string[]): string {
  const keys = totalsKeys(shape)
  const names = namesIn(shape)
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

/**
 * How many keys of totals are not what the merged table comes to, or have distinct values counted otherwise than the values by
 * bucket say; one statement, and so in one snapshot.
 */
export function countDifferent(shape: Shape): string {
  const keys = totalsKeys(shape)
  const names = namesIn(shape)
  const columns = [...keys, ...names].join(', ')
  const distinct = distinctIn(shape)
  const summed = summedUp(shape, { from: mergedOf(shape.rollup), sign: -1 })
  const truth = withArms(
    shape,
    summed,
    distinct.map((measure) => truthArm(shape, measure)),
  )
  const left = [
    ...columnsIn(shape).map(({ name, of }) => leftOver({ name, type: of.type })),
    ...distinctColumns(shape).flatMap((all) => all.map((name) => `sum(${name}) <> 0`)),
  ]
  const compared = `
  select${distinctBeside(shape).length === 0 ? '' : ` ${[...keys, 'true'].join(', ')}`}
  from (
    select ${columns} from ${totalsOf(shape.rollup)}
    union all
    (${truth.join('\n')})
  ) as both_sides (${columns})
  ${keys.length === 0 ? '' : `group by ${keys.join(', ')}`}
  having ${left.join(' or ')}
`
  const off = distinctBeside(shape).map((measure) => `union all\n${keysOff(shape, measure)}\n`)
  const found = off.length === 0 ? compared : `select distinct * from (${compared}${off.join('')}) as found\n`
  return `select count(*)::float8 as different\nfrom (${found}) as compared`
}

/** Where they are empty, from the merged table and from the values by bucket, at the instant that the lock table holds. */
export function fillTotals(shape: Shape): readonly string[] {
  const arms = distinctIn(shape).map((measure) => keptArm(shape, measure))
  const select = summedUp(shape, { from: mergedOf(shape.rollup) })
  return [...fillCounted(shape), upsert(shape, withArms(shape, select, arms))]
}

/** Whatever they were. */
export function refillTotals(shape: Shape): readonly string[] {
  const counted = distinctBeside(shape).map(({ name }) => `delete from ${membersTotalsOf(shape.rollup, name)}`)
  return [`delete from ${totalsOf(shape.rollup)}`, ...counted, ...fillTotals(shape)]
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
  const sums = columnsIn(shape).map(({ of: { name, type }, window }) =>
    window === undefined ? `0::${type}` : `pg_catalog.sum(${quoteIdent(name)} * move_${window})::${type}`,
  )
  const rows = `select ${[...additiveColumnsOf(shape), ...placesMoved(shape)].join(', ')}
  from ${mergedOf(shape.rollup)}
  where ${hasCrossed(shape)}`
  const select = [
    `select ${[...totalsKeys(shape), ...sums].join(', ')}`,
    parted(shape, rows, { prefix: 'move' }),
    ...groupBy(shape),
  ]
  const moving = movingCtes(shape)
  const counted = moving.length === 0 ? '' : `with ${moving.join(', ')}\n`
  return `${counted}${upsert(shape, withArms(shape, select, movedArms(shape)))}`
}
