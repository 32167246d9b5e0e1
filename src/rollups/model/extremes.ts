// The least and the greatest, the first and the last: what rows that come can only move outwards, and what rows that go may
// leave to be looked for again.
//
// What holds: a state is never further inwards than the truth. Rows that come move it at once. Of rows that go the outermost
// is noted beside it (`_gone`); a key is stale while that one is as far out as the state, and a merge looks for the state of
// a stale key in the source, in its own snapshot. It is believed only where the source still has as many rows as the key
// has counted: below the floor, and where a TRUNCATE took rows away from the snapshot, the key stays as it is, and stale.

import { quoteIdent } from '../../sql/quote.ts'
import { isContiguous, lengthOf, type BucketType } from './bucket.ts'
import { mergedOf } from './names.ts'
import type { Bucket, Rollup } from './options.ts'
import { bucketColumn, isBucket, rowCount, type Extreme, type Shape } from './shape.ts'
import { overSource, type Span } from './source-rows.ts'

/** Its columns, as SQL writes them: `at` is there where the order is not the value. */
interface Columns {
  readonly value: string
  readonly at: string | undefined
  readonly gone: string
}

function columnsFor({ name, order }: Extreme): Columns {
  return {
    value: quoteIdent(name),
    at: order === undefined ? undefined : quoteIdent(`${name}_at`),
    gone: quoteIdent(`${name}_gone`),
  }
}

/** What a reader adds up: without what is noted of rows that went. */
export function readColumnsOf(extreme: Extreme): readonly string[] {
  const { value, at } = columnsFor(extreme)
  return at === undefined ? [value] : [value, at]
}

export function extremeColumns(extreme: Extreme): readonly string[] {
  return [...readColumnsOf(extreme), columnsFor(extreme).gone]
}

export function extremeTypes(extreme: Extreme): readonly { readonly name: string; readonly type: string }[] {
  const { order, type } = extreme
  const { value, at, gone } = columnsFor(extreme)
  return [
    { name: value, type },
    ...(at === undefined || order === undefined ? [] : [{ name: at, type: order.type }]),
    { name: gone, type: order?.type ?? type },
  ]
}

/** As rows of the source come to it, of a row of the view of parts. */
export function extremeOfPart(extreme: Extreme, of: string): readonly string[] {
  const { order, type } = extreme
  return [...readColumnsOf(extreme).map((column) => `${of}.${column}`), `null::${order?.type ?? type}`]
}

const isLeast = ({ kind }: Extreme): boolean => kind === 'min' || kind === 'first'
const outermost = (extreme: Extreme): string => (isLeast(extreme) ? 'pg_catalog.min' : 'pg_catalog.max')

/** Over values in the scope of the query: of rows of the source, or of states. */
interface Values {
  readonly value: string
  readonly at: string | undefined
  readonly filter?: string | undefined
}

function aggregate(extreme: Extreme, { value, at, filter }: Values): readonly string[] {
  const { type, order } = extreme
  if (at === undefined || order === undefined) {
    return [`${outermost(extreme)}(${value})${filter === undefined ? '' : ` filter (where ${filter})`}::${type}`]
  }
  const direction = isLeast(extreme) ? '' : ' desc'
  const some = [...(filter === undefined ? [] : [`(${filter})`]), `(${value}) is not null`, `(${at}) is not null`]
  const where = `filter (where ${some.join(' and ')})`
  // Of several at once it is the outermost value: which it is depends on no order of rows.
  return [
    `((pg_catalog.array_agg(${value} order by ${at}${direction}, ${value}${direction}) ${where})[1])::${type}`,
    `${outermost(extreme)}(${at}) ${where}::${order.type}`,
  ]
}

/** What rows of the source come to, or, with the sign −1, what is to be noted of them when they go; under their names. */
export function extremesOfRows(extreme: Extreme, sign: 1 | -1): readonly string[] {
  const { value, order, filter, type } = extreme
  const columns = columnsFor(extreme)
  const found = aggregate(extreme, { value, at: order?.value, filter })
  const farthest = found.at(-1) ?? ''
  const none = order === undefined ? [`null::${type}`] : [`null::${type}`, `null::${order.type}`]
  const values = sign === 1 ? [...found, `null::${order?.type ?? type}`] : [...none, farthest]
  return values.map((one, place) => `${one} as ${[...readColumnsOf(extreme), columns.gone][place] ?? ''}`)
}

/** Of states: what several come to together. */
export function extremesOfStates(extreme: Extreme, { gone }: { readonly gone: boolean }): readonly string[] {
  const columns = columnsFor(extreme)
  const type = extreme.order?.type ?? extreme.type
  return [
    ...aggregate(extreme, { value: columns.value, at: columns.at }).map(
      (one, place) => `${one} as ${readColumnsOf(extreme)[place] ?? ''}`,
    ),
    ...(gone ? [`${outermost(extreme)}(${columns.gone})::${type} as ${columns.gone}`] : []),
  ]
}

/** A change of several states is none, if what came and what went are as far out: of min and max. */
export function isChanged(extreme: Extreme): string {
  const { value, at, gone } = columnsFor(extreme)
  const end = (column: string): string => `${outermost(extreme)}(${column})`
  if (at === undefined) return `${end(value)} is distinct from ${end(gone)}`
  return `${end(at)} is not null or ${end(gone)} is not null`
}

/** For `on conflict do update set`: the row that is there is `m`. */
export function assignmentsOf(extreme: Extreme): readonly string[] {
  const { value, at, gone } = columnsFor(extreme)
  const farther = isLeast(extreme) ? 'least' : 'greatest'
  const note = `${gone} = ${farther}(m.${gone}, excluded.${gone})`
  if (at === undefined) return [`${value} = ${farther}(m.${value}, excluded.${value})`, note]
  const operator = isLeast(extreme) ? '<' : '>'
  const comes = `excluded.${at} is not null and (m.${at} is null or (excluded.${at}, excluded.${value}) ${operator} (m.${at}, m.${value}))`
  return [
    `${value} = case when ${comes} then excluded.${value} else m.${value} end`,
    `${at} = case when ${comes} then excluded.${at} else m.${at} end`,
    note,
  ]
}

/** Of the row `of`: it has to be looked for again. */
export function isStale(extreme: Extreme, of: string): string {
  const { value, at, gone } = columnsFor(extreme)
  const state = `${of}.${at ?? value}`
  return `${of}.${gone} is not null and (${state} is null or ${of}.${gone} ${isLeast(extreme) ? '<=' : '>='} ${state})`
}

/**
 * Over what is kept (`is_kept`) and what rows that are there would leave behind if they went: the ends are not the same. One
 * that is to be looked for again may be.
 */
export function isElsewhere(extreme: Extreme): string {
  const { value, at, gone } = columnsFor(extreme)
  const end = (column: string, which: string): string => `${outermost(extreme)}(${column}) filter (where ${which})`
  const kept = end(at ?? value, 'is_kept')
  const left = end(gone, 'is_kept')
  const isOpen = `coalesce(${left} ${isLeast(extreme) ? '<=' : '>='} ${kept}, ${left} is not null)`
  return `not ${isOpen} and ${kept} is distinct from ${end(gone, 'not is_kept')}`
}

/** Looks for the states of the keys at the places `stale`, an expression: an array of ctid. */
export function lookAgain(shape: Shape, extremes: readonly Extreme[], stale: string): string {
  const { rollup } = shape
  const merged = mergedOf(rollup)
  const named = extremes.map((extreme, index) => ({
    extreme,
    columns: columnsFor(extreme),
    value: `value_${index}`,
    at: extreme.order === undefined ? undefined : `at_${index}`,
    filter: extreme.filter === undefined ? undefined : `filter_${index}`,
  }))
  const inner = [
    ...shape.keys.map(({ value }, place) => `${value} as key_${place}`),
    ...named.flatMap(({ extreme, value, at, filter }) => [
      `${extreme.value} as ${value}`,
      ...(at === undefined ? [] : [`${extreme.order?.value ?? ''} as ${at}`]),
      ...(filter === undefined ? [] : [`${extreme.filter ?? ''} as ${filter}`]),
    ]),
    ...(rollup.bucket === undefined ? [] : [`${quoteIdent(rollup.bucket.column)} as time_of_row`]),
  ]
  const found = named.flatMap(({ extreme, columns, value, at, filter }) => {
    const values = aggregate(extreme, {
      value: `r.${value}`,
      at: at === undefined ? undefined : `r.${at}`,
      filter: filter === undefined ? undefined : `r.${filter}`,
    })
    return [columns.value, ...(columns.at === undefined ? [] : [columns.at])].map((name, place) => ({
      name,
      value: `${values[place] ?? ''} as ${name}`,
    }))
  })
  const rows = overSource(shape, { span: spanOf(shape, stale), where: shape.where }, ({ from, where }) =>
    [`    select ${inner.join(', ')}`, `    from ${from}`, ...(where === undefined ? [] : [`    where ${where}`])].join(
      '\n',
    ),
  )
  return [
    `update ${merged} as m`,
    `set ${[
      ...found.map(({ name }) => `${name} = again.${name}`),
      ...named.map(({ columns }) => `${columns.gone} = null`),
    ].join(', ')}`,
    'from (',
    `  select m.ctid as place, pg_catalog.count(*) as rows_found, ${found.map(({ value }) => value).join(', ')}`,
    `  from ${merged} as m`,
    `  join (`,
    rows,
    `  ) as r on ${matches(shape, stale).join(' and ')}`,
    `  where m.ctid = any (${stale})`,
    '  group by m.ctid',
    ') as again',
    `where m.ctid = again.place`,
    `  and m.${quoteIdent(rowCount)} = again.rows_found`,
  ].join('\n')
}

/** Times are bounded besides, for indexes and for partitions that need not be looked at. */
function matches(shape: Shape, stale: string): readonly string[] {
  const { rollup, bucketType, keys } = shape
  const { bucket } = rollup
  const equal = keys.map(({ name, notNull }, place) => {
    const [row, key] = [`r.key_${place}`, `m.${quoteIdent(name)}`]
    const operator = shape.equals?.[name] ?? '='
    return notNull === true || isBucket(shape, name)
      ? `${row} ${operator} ${key}`
      : `(${row} ${operator} ${key} or (${row} is null and ${key} is null))`
  })
  if (bucket === undefined || bucketType === undefined) return equal.length === 0 ? ['true'] : equal
  const column = quoteIdent(bucketColumn)
  const { before, after } = leewayOf(bucket, bucketType)
  return [
    ...equal,
    `r.time_of_row >= m.${column}${before}`,
    `r.time_of_row <= m.${column}${after}`,
    `r.time_of_row >= ${endOf(rollup, 'min', stale)}${before}`,
    `r.time_of_row <= ${endOf(rollup, 'max', stale)}${after}`,
  ]
}

/** The first or the last of their buckets. */
function endOf(rollup: Rollup, which: 'min' | 'max', stale: string): string {
  return `(select pg_catalog.${which}(edge.${quoteIdent(bucketColumn)}) from ${mergedOf(rollup)} as edge where edge.ctid = any (${stale}))`
}

/** How far from its bucket a row may be. */
function leewayOf(bucket: Bucket, type: BucketType): { readonly before: string; readonly after: string } {
  const length = ` + ${lengthOf(bucket)}`
  return isContiguous(bucket, type)
    ? { before: '', after: length }
    : { before: ` - interval '1 day'`, after: `${length} + interval '1 day'` }
}

/** At least all that the keys may have. */
function spanOf({ rollup, bucketType }: Shape, stale: string): Span {
  const { bucket } = rollup
  if (bucket === undefined || bucketType === undefined) return { from: undefined, to: undefined }
  const { before, after } = leewayOf(bucket, bucketType)
  const cast = (value: string): string => `(${value})::pg_catalog.${bucketType}`
  return {
    from: cast(`${endOf(rollup, 'min', stale)}${before}`),
    to: cast(`${endOf(rollup, 'max', stale)}${after} + interval '1 day'`),
    orInfinite: true,
  }
}
