// The statements by which rows become numbers of values: as statements.ts has it for states, and with the same promises.

import { quoteIdent } from '../../sql/quote.ts'
import { membersDeltaOf, membersOf } from './names.ts'
import type { Shape } from './shape.ts'
import { overSource, type Span } from './source-rows.ts'
import { keysInIndex, keysOf } from './statements.ts'
import type { ValuesMeasure } from './values.ts'

export const valuesIn = ({ values = [] }: Shape): readonly ValuesMeasure[] => values

/** Keys, the value and its number, as SQL writes them. */
export function memberColumns(shape: Shape): readonly string[] {
  return [...keysOf(shape), ...valueColumns]
}

const valueColumns = ['value', 'n'] as const

interface Rows {
  readonly from: string
  readonly sign: 1 | -1
  /** Of those rows, these. */
  readonly where?: string | undefined
}

/** How many rows of `from` have each value. `sign` −1: what is left when they go. */
export function countValues(shape: Shape, { value }: ValuesMeasure, { from, sign, where }: Rows): string {
  const conditions = [shape.where, where, `(${value}) is not null`].filter((condition) => condition !== undefined)
  return [
    `select ${[
      ...shape.keys.map((key) => `${key.value} as ${quoteIdent(key.name)}`),
      `${value} as value`,
      `${sign === -1 ? '-' : ''}pg_catalog.count(*) as n`,
    ].join(', ')}`,
    `from ${from}`,
    `where ${conditions.map((condition) => `(${condition})`).join(' and ')}`,
    groupBy(shape),
  ].join('\n')
}

const groupBy = ({ keys }: Shape): string => `group by ${[...keys, 'value'].map((_, place) => place + 1).join(', ')}`
const groupKeys = (shape: Shape): string => `group by ${[...keysOf(shape), 'value'].join(', ')}`

/** Adds numbers up that stand in `from`; what nets to nothing is left out. */
export function sumValues(shape: Shape, { from }: { readonly from: string }): string {
  return [
    `select ${[...keysOf(shape), 'value'].join(', ')}, pg_catalog.sum(n)::bigint as n`,
    `from ${from}`,
    groupBy(shape),
    'having pg_catalog.sum(n) <> 0',
  ].join('\n')
}

export function appendValues(shape: Shape, { name }: ValuesMeasure, select: string): string {
  return `insert into ${membersDeltaOf(shape.rollup, name)} (${memberColumns(shape).join(', ')})\n${select}`
}

/** In the order of the index, as rows of the merged table are. */
function addValues(shape: Shape, { name }: ValuesMeasure, select: string): string {
  return [
    `insert into ${membersOf(shape.rollup, name)} as v (${memberColumns(shape).join(', ')})`,
    select,
    `order by ${valuesInIndex(shape).join(', ')}`,
  ].join('\n')
}

function upsertValues(shape: Shape, measure: ValuesMeasure, select: string): string {
  return [
    addValues(shape, measure, select),
    `on conflict (${valuesInIndex(shape).join(', ')})`,
    'do update set n = v.n + excluded.n',
  ].join('\n')
}

const valuesInIndex = (shape: Shape): readonly string[] => [...keysInIndex(shape), 'value']

/** Rows of the source. */
interface Counted {
  readonly span: Span
  readonly where: string | undefined
}

const everyRow: Counted = { span: { from: undefined, to: undefined }, where: undefined }

/** What rows of the source come to, where nothing is kept yet. */
export function fillValues(shape: Shape, counted: Counted = everyRow): readonly string[] {
  return valuesIn(shape).map((measure) => insertValues(shape, measure, counted))
}

/** Where no value of these keys is. */
export function insertValues(shape: Shape, measure: ValuesMeasure, counted: Counted): string {
  return addValues(
    shape,
    measure,
    overSource(shape, counted, (rows) => countValues(shape, measure, { ...rows, sign: 1 })),
  )
}

/** `where`: on the keys; undefined: all. */
export function removeValues(shape: Shape, where: string | undefined): readonly string[] {
  return valuesIn(shape).flatMap((measure) => [
    removePendingValues(shape, measure, where),
    removeMergedValues(shape, measure, where),
  ])
}

export function removePendingValues({ rollup }: Shape, { name }: ValuesMeasure, where: string | undefined): string {
  return `delete from ${membersDeltaOf(rollup, name)}${where === undefined ? '' : ` where ${where}`}`
}

export function removeMergedValues({ rollup }: Shape, { name }: ValuesMeasure, where: string | undefined): string {
  return `delete from ${membersOf(rollup, name)}${where === undefined ? '' : ` where ${where}`}`
}

/** `inBucket`: a condition on what is kept; undefined: all of it. */
export function rebuildValues(
  shape: Shape,
  { inBucket, counted }: { readonly inBucket: string | undefined; readonly counted: Counted },
): readonly string[] {
  return [...removeValues(shape, inBucket), ...fillValues(shape, counted)]
}

/** For each key and value whether what is kept is not what is counted; keys, and a column that says so. */
export function compareValues(
  shape: Shape,
  { inBucket, counted }: { readonly inBucket: string | undefined; readonly counted: Counted },
): readonly string[] {
  const { rollup } = shape
  const columns = memberColumns(shape).join(', ')
  const where = inBucket === undefined ? '' : ` where ${inBucket}`
  return valuesIn(shape).map((measure) => {
    const kept = [membersOf(rollup, measure.name), membersDeltaOf(rollup, measure.name)].map(
      (table) => `select ${columns} from ${table}${where}`,
    )
    const found = overSource(shape, counted, (rows) => countValues(shape, measure, { ...rows, sign: -1 }))
    const sides = [...kept, `select ${columns} from (${found}) as counted`].join(' union all ')
    return `select ${[...keysOf(shape), 'pg_catalog.sum(n) <> 0'].join(', ')} from (${sides}) as both_sides ${groupKeys(shape)}`
  })
}

/** Whether there is anything to merge. */
export function areValuesPending(shape: Shape): readonly string[] {
  return valuesIn(shape).map(({ name }) => `exists (select from ${membersDeltaOf(shape.rollup, name)})`)
}

/**
 * For PL/pgSQL; `gone`: a variable, an array of tid. A value that no row has goes by its place, as a key does. Where all is added
 * nothing goes, and what was written need not be looked through.
 */
export function mergeValues(shape: Shape, gone: string): readonly string[] {
  return valuesIn(shape).map((measure) => {
    const delta = membersDeltaOf(shape.rollup, measure.name)
    const upsert = upsertValues(shape, measure, sumValues(shape, { from: delta }))
    return [
      `if exists (select from ${delta} where n < 0) then`,
      `with written as (\n${upsert}\nreturning v.ctid as place, v.n as left_over\n)`,
      `select pg_catalog.array_agg(written.place) filter (where written.left_over = 0)`,
      `into ${gone}`,
      'from written;',
      `if ${gone} is not null then`,
      `  delete from ${membersOf(shape.rollup, measure.name)} as v where v.ctid = any (${gone});`,
      'end if;',
      'else',
      `${upsert};`,
      'end if',
    ].join('\n')
  })
}

/** By who has merged it. */
export function deletePendingValues(shape: Shape): readonly string[] {
  return valuesIn(shape).map(({ name }) => `delete from ${membersDeltaOf(shape.rollup, name)}`)
}
