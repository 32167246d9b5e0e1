// What a reader is asked, checked against the declaration as it is said: names that are not the rollup's own never get further
// than this. What depends on several calls is checked where the statement is written.

import { StrataError } from '../../base/errors.ts'
import { timeUnits, type Rollup, type TimeUnit } from '../model/options.ts'
import { parseInstant, type Point } from './instant.ts'
import { requireUnit } from '../model/units.ts'

export interface Condition {
  readonly key: string
  readonly values: readonly unknown[]
  /** Rows without a value as well. */
  readonly orNull: boolean
  readonly isList: boolean
}

export interface Join {
  readonly alias: string
  readonly schema: string
  readonly table: string
  readonly on: string
  readonly key: string
  readonly columns: readonly string[]
}

export interface Order {
  readonly name: string
  readonly descending: boolean
}

export interface Asked {
  readonly where: readonly Condition[]
  readonly from: Point | undefined
  readonly to: Point | undefined
  /** Keys and units of time, as they were said; a key goes before a unit of the same name. */
  readonly by: readonly string[]
  /** Undefined: all. */
  readonly measures: readonly string[] | undefined
  readonly joins: readonly Join[]
  readonly order: readonly Order[]
  readonly limit: number | undefined
  readonly offset: number | undefined
}

export const everything: Asked = {
  where: [],
  from: undefined,
  to: undefined,
  by: [],
  measures: undefined,
  joins: [],
  order: [],
  limit: undefined,
  offset: undefined,
}

const mostValues = 10_000

export function isTime(rollup: Rollup, name: string): name is TimeUnit | 'bucket' {
  return !rollup.by.includes(name) && (name === 'bucket' || timeUnits.some((unit) => unit === name))
}

export function parseConditions(rollup: Rollup, keys: unknown): readonly Condition[] {
  if (typeof keys !== 'object' || keys === null || Array.isArray(keys)) {
    throw refuse(rollup, 'where()', `keys and their values, of ${listed(rollup.by)}`, typeOf(keys))
  }
  return Object.entries(keys).map(([key, value]: [string, unknown]) => {
    requireOne(rollup, 'where()', key, rollup.by)
    const values = Array.isArray(value) ? (value as unknown[]) : [value]
    // A condition that is silently none would read everything.
    if (values.includes(undefined))
      throw refuse(rollup, `where(), key "${key}"`, 'a value, several, or null', 'undefined')
    if (values.length > mostValues) {
      throw refuse(rollup, `where(), key "${key}"`, `at most ${mostValues} values`, String(values.length))
    }
    const some = values.filter((one) => one !== null)
    return { key, values: some, orNull: some.length < values.length, isList: Array.isArray(value) }
  })
}

export function parseEnd(rollup: Rollup, where: string, value: unknown): Point {
  if (rollup.bucket === undefined) {
    throw refuse(rollup, where, 'a rollup with a bucket', 'one row for each key, of all time')
  }
  return parseInstant(`Rollup "${rollup.name}", ${where}`, value)
}

export function parseBy(rollup: Rollup, names: readonly unknown[]): readonly string[] {
  const known = [...rollup.by, ...(rollup.bucket === undefined ? [] : ['bucket', ...timeUnits])]
  const by = names.map((name) => requireOne(rollup, 'by()', name, known))
  const times = by.filter((name) => isTime(rollup, name))
  if (times.length > 1) throw refuse(rollup, 'by()', 'one unit of time', listed(times))
  for (const unit of times) if (unit !== 'bucket') requireUnit(rollup, unit)
  requireDistinct(rollup, 'by()', by)
  return by
}

export function parseMeasures(rollup: Rollup, names: readonly unknown[]): readonly string[] {
  const known = rollup.measures.map(({ name }) => name)
  return parseNames(rollup, 'measures()', names, known)
}

/** One or more of those that are known, each once. */
export function parseNames(
  rollup: Rollup,
  where: string,
  names: readonly unknown[],
  known: readonly string[],
): readonly string[] {
  if (names.length === 0) throw refuse(rollup, where, `some of ${listed(known)}`, 'none')
  const chosen = names.map((name) => requireOne(rollup, where, name, known))
  requireDistinct(rollup, where, chosen)
  return chosen
}

export function parseJoins(rollup: Rollup, joins: unknown): readonly Join[] {
  if (typeof joins !== 'object' || joins === null) {
    throw refuse(
      rollup,
      'join()',
      "such as { song: { table: 'songs', on: 'song_id', columns: ['title'] } }",
      typeOf(joins),
    )
  }
  return Object.entries(joins).map(([alias, said]: [string, unknown]) => {
    const where = `join(), "${alias}"`
    const { table, on, key = 'id', columns } = (said ?? {}) as Readonly<Record<string, unknown>>
    const place = typeof table === 'string' ? [rollup.schema, table] : table
    if (!isNames(place) || place.length !== 2)
      throw refuse(rollup, where, "`table`: 'songs' or ['schema', 'songs']", typeOf(table))
    if (!isNames(columns) || columns.length === 0) throw refuse(rollup, where, "`columns`: ['title']", typeOf(columns))
    if (typeof key !== 'string') throw refuse(rollup, where, "`key`: 'id'", typeOf(key))
    requireDistinct(rollup, where, columns)
    const [schema = '', name = ''] = place
    return { alias, schema, table: name, on: requireOne(rollup, where, on, rollup.by), key, columns }
  })
}

export function parseOrder(rollup: Rollup, name: unknown, direction: unknown): Order {
  if (typeof name !== 'string') throw refuse(rollup, 'orderBy()', 'the name of a column that is read', typeOf(name))
  if (direction !== 'asc' && direction !== 'desc') {
    throw refuse(
      rollup,
      'orderBy()',
      "'asc' or 'desc'",
      typeof direction === 'string' ? 'another text' : typeOf(direction),
    )
  }
  return { name, descending: direction === 'desc' }
}

export function parseRows(rollup: Rollup, where: string, rows: unknown): number {
  if (typeof rows === 'number' && Number.isSafeInteger(rows) && rows >= 0) return rows
  throw refuse(rollup, where, 'a number of rows', typeof rows === 'number' ? String(rows) : typeOf(rows))
}

export function requireDistinct(rollup: Rollup, where: string, names: readonly string[]): void {
  const twice = names.find((name, index) => names.indexOf(name) < index)
  if (twice !== undefined) throw refuse(rollup, where, 'each name once', `"${twice}" twice`)
}

function requireOne(rollup: Rollup, where: string, name: unknown, known: readonly string[]): string {
  if (typeof name === 'string' && known.includes(name)) return name
  const got = typeof name === 'string' ? JSON.stringify(name.slice(0, 80)) : typeOf(name)
  throw refuse(rollup, where, known.length === 0 ? 'a rollup with keys' : `one of ${listed(known)}`, got)
}

export function refuse({ name }: Rollup, where: string, expected: string, got: string): StrataError {
  return new StrataError('VALUE_INVALID', { message: `Rollup "${name}", ${where}`, expected, got })
}

const isNames = (value: unknown): value is readonly string[] =>
  Array.isArray(value) && value.every((one) => typeof one === 'string')
const listed = (names: readonly string[]): string => names.join(', ')
const typeOf = (value: unknown): string => (value === null ? 'null' : Array.isArray(value) ? 'a list' : typeof value)
