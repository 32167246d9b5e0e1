// What a client may ask for, checked against what is declared. Pure. Nothing a client says reaches a server as SQL: names are
// looked up, values are compared as text with what the feed delivers.
// Two ways to say the same give the same topic, so its events are made once for all who have it.

import { createHash } from 'node:crypto'
import { StrataError } from '../base/errors.ts'
import { mostTopRows, type LiveRollup, type LiveTable, type LiveTop, type TopQuestion } from './options.ts'

export type TopicValue = string | number | boolean | null

/** Each column is one of these values. */
export type Conditions = Readonly<Record<string, TopicValue | readonly TopicValue[]>>

export type TopicSpec =
  | { readonly table: string; readonly key?: Conditions | undefined; readonly where?: Conditions | undefined }
  | { readonly rollup: string; readonly by?: Conditions | undefined }
  | { readonly top: string; readonly orderBy: string; readonly limit?: number | undefined }

export interface RowsTopic {
  readonly kind: 'rows' | 'rollup'
  /** Under which its events go out: a digest of what it is. */
  readonly name: string
  readonly schema: string
  readonly table: string
  /** In alphabetical order; none: every row. */
  readonly columns: readonly string[]
  /** Combinations of texts, one for each column. */
  readonly wanted: readonly (readonly (string | null)[])[]
}

export interface TopTopic {
  readonly kind: 'top'
  readonly name: string
  readonly top: LiveTop
  readonly question: TopQuestion
}

export type Topic = RowsTopic | TopTopic

export interface Declared {
  readonly tables: readonly LiveTable[]
  readonly rollups: readonly LiveRollup[]
  readonly tops: readonly LiveTop[]
}

/** Combinations of values that one topic may stand for. */
const mostCombinations = 100
const longestValue = 1_000
const mostColumns = 8

export function parseTopic(spec: unknown, declared: Declared): Topic {
  if (!isRecord(spec)) throw refuse('A topic is not an object')
  if (hasOnly(spec, ['table', 'key', 'where'])) return parseTable(spec, declared.tables)
  if (hasOnly(spec, ['rollup', 'by'])) return parseRollup(spec, declared.rollups)
  if (hasOnly(spec, ['top', 'orderBy', 'limit'])) return parseTop(spec, declared.tops)
  throw refuse('A topic names something else than it may')
}

function parseTable(spec: Readonly<Record<string, unknown>>, tables: readonly LiveTable[]): RowsTopic {
  const table = tables.find(({ name }) => name === spec['table'])
  if (table === undefined) throw refuse('A topic is of a table that is not declared')
  const key = parseConditions(spec['key'], undefined)
  const where = parseConditions(spec['where'], undefined)
  // Columns of the key are known only by the changes themselves; what is neither would be known of no change.
  for (const { column } of where)
    if (!table.filters.includes(column)) throw refuse('A topic sets a condition on a column that is no declared filter')
  if (where.some(({ column }) => key.some((other) => other.column === column)))
    throw refuse('A topic sets two conditions on one column')
  return rowsTopic('rows', table, [...key, ...where])
}

function parseRollup(spec: Readonly<Record<string, unknown>>, rollups: readonly LiveRollup[]): RowsTopic {
  const rollup = rollups.find(({ name }) => name === spec['rollup'])
  if (rollup === undefined) throw refuse('A topic is of a rollup that is not declared')
  return rowsTopic('rollup', rollup, parseConditions(spec['by'], rollup.by))
}

function parseTop(
  { top: name, orderBy, limit = 20 }: Readonly<Record<string, unknown>>,
  tops: readonly LiveTop[],
): Topic {
  const top = tops.find((one) => one.name === name)
  if (top === undefined) throw refuse('A topic is of a list that is not declared')
  if (typeof orderBy !== 'string' || !top.orderBy.includes(orderBy))
    throw refuse('A list is asked for in an order that is not declared')
  if (typeof limit !== 'number' || !Number.isInteger(limit) || limit < 1 || limit > mostTopRows)
    throw refuse(`The limit of a list is not a whole number from 1 to ${mostTopRows}`)
  const question = { name: top.name, orderBy, limit }
  return { kind: 'top', name: digest(['top', top.name, orderBy, limit]), top, question }
}

interface Condition {
  readonly column: string
  readonly texts: readonly (string | null)[]
}

function parseConditions(given: unknown, allowed: readonly string[] | undefined): readonly Condition[] {
  if (given === undefined) return []
  if (!isRecord(given)) throw refuse('Conditions are not an object of columns and values')
  const entries = Object.entries(given)
  if (entries.length > mostColumns) throw refuse(`A topic sets conditions on more than ${mostColumns} columns`)
  return entries.map(([column, value]) => {
    if (allowed !== undefined && !allowed.includes(column)) throw refuse('A topic names a column that is no key')
    const values: readonly unknown[] = Array.isArray(value) ? value : [value]
    if (values.length === 0 || values.length > mostCombinations)
      throw refuse(`A column is compared with 1 to ${mostCombinations} values`)
    return { column, texts: [...new Set(values.flatMap(textsOf))] }
  })
}

/** As PostgreSQL writes it; of a boolean the outbox has the whole word, the WAL a letter. */
function textsOf(value: unknown): readonly (string | null)[] {
  if (value === null) return [null]
  if (value === true) return ['t', 'true']
  if (value === false) return ['f', 'false']
  if (typeof value === 'number' && Number.isFinite(value)) return [String(value)]
  if (typeof value === 'string' && value.length <= longestValue) return [value]
  throw refuse('A value is no text, finite number, boolean or null, or too long')
}

function rowsTopic(
  kind: RowsTopic['kind'],
  { name, schema, table }: LiveTable | LiveRollup,
  conditions: readonly Condition[],
): RowsTopic {
  const sorted = conditions.toSorted((a, b) => (a.column < b.column ? -1 : 1))
  const combinations = sorted.reduce((product, { texts }) => product * texts.length, 1)
  if (combinations > mostCombinations)
    throw refuse(`A topic stands for more than ${mostCombinations} combinations of values`)
  let wanted: readonly (readonly (string | null)[])[] = [[]]
  for (const { texts } of sorted) wanted = wanted.flatMap((one) => texts.map((text) => [...one, text]))
  const columns = sorted.map(({ column }) => column)
  const marks = wanted.map((one) => JSON.stringify(one)).toSorted()
  return { kind, name: digest([kind, name, columns, marks]), schema, table, columns, wanted }
}

function digest(parts: readonly unknown[]): string {
  return createHash('sha256').update(JSON.stringify(parts)).digest('base64url').slice(0, 12)
}

function hasOnly(spec: Readonly<Record<string, unknown>>, names: readonly string[]): boolean {
  const [first = ''] = names
  return typeof spec[first] === 'string' && Object.keys(spec).every((name) => names.includes(name))
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function refuse(message: string): StrataError {
  return new StrataError('LIVE_TOPIC_INVALID', { message })
}
