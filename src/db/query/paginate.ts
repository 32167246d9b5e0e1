// Pages by key: a page begins behind a row, never at a number of rows, so that what is inserted or deleted elsewhere neither
// repeats nor hides a row that stays.
// Promises: the keys travel as text in a form that the server reads back exactly. What would lose rows silently is an error:
// keys that do not tell rows apart, and nulls in a key that was not said to hold any.
// State: which columns the catalog calls not null, bounded.

import { StrataError } from '../../base/errors.ts'
import { sqlstateOf } from '../../sql/sqlstate.ts'
import { sql, type Sql } from '../../sql/sql.ts'
import { quoteIdent } from '../../sql/quote.ts'
import { createMemory, type Memory } from '../../sql/classify/memory.ts'
import { neverNull } from '../not-null.ts'
import { ownStatement } from '../pool/observer.ts'
import type { StrataPool } from '../pool/strata-pool.ts'
import type pg from 'pg'
import { formatCursor, parseCursor, refused, type KeyTexts } from './cursor.ts'
import { toFailure } from './failure.ts'
import { conditionBehind, orderId, orderText, parseOrder, reverseOrder, type PageKey } from './page-order.ts'
import { configOf, type QueryOptions, type StatementCheck } from './send.ts'

export interface PaginateOptions extends QueryOptions {
  /**
   * Columns of the statement's result that together tell its rows apart: ['created_at desc', 'id desc']. A column that may
   * be null says where nulls stand: 'score desc nulls last'.
   */
  readonly by: readonly string[]
  /** Rows on a page: 1 to 10000. */
  readonly size: number
  /** `next` of another page: begin behind it. */
  readonly after?: string | undefined
  /** `previous` of another page: end before it. */
  readonly before?: string | undefined
  /** You know that no key is ever null, and the catalog need not be asked. */
  readonly notNull?: boolean
}

export interface Page<Row> {
  readonly rows: readonly Row[]
  /** Leads to the page behind; undefined: there is none now. */
  readonly next: string | undefined
  /** Leads to the page before; undefined: this is the first. */
  readonly previous: string | undefined
}

export type Paginate = <Row extends object = Record<string, unknown>>(
  statement: Sql,
  options: PaginateOptions,
) => Promise<Page<Row>>

const keysColumn = 'pgstrata_keys'
const largestPage = 10_000

export function createPaginate(pool: StrataPool, check: StatementCheck): Paginate {
  const notNull = createMemory<boolean>({ maxEntries: 2_000, maxCharacters: 100_000 })
  return async <Row extends object>(statement: Sql, options: PaginateOptions) => {
    await check(statement)
    const request = readRequest(options)
    const result = await ask(pool, statement, request, options)
    const found = readRows<Row>(result)
    if (options.notNull !== true) await refuseNullable(pool, notNull, request.keys, result.fields)
    return toPage(found, request)
  }
}

interface PageRequest {
  readonly keys: readonly PageKey[]
  readonly order: string
  readonly size: number
  readonly at: KeyTexts | undefined
  readonly backward: boolean
}

function readRequest({ by, size, after, before }: PaginateOptions): PageRequest {
  if (!Number.isInteger(size) || size < 1 || size > largestPage) {
    throw new StrataError('VALUE_INVALID', { message: 'size', expected: `1 to ${largestPage}`, got: String(size) })
  }
  if (after !== undefined && before !== undefined) {
    throw new StrataError('VALUE_INVALID', { message: 'A page is after one cursor or before one', got: 'both' })
  }
  const keys = parseOrder(by)
  const order = orderId(keys)
  const cursor = after ?? before
  const at = cursor === undefined ? undefined : parseCursor(order, cursor, keys.length)
  if (at?.some((text, index) => text === null && keys[index]?.nulls === undefined) === true) {
    throw refused('The cursor is of another order')
  }
  return { keys, order, size, at, backward: before !== undefined }
}

async function ask(
  pool: StrataPool,
  statement: Sql,
  request: PageRequest,
  options: PaginateOptions,
): Promise<pg.QueryResult<Record<string, unknown>>> {
  const keys = request.backward ? reverseOrder(request.keys) : request.keys
  const behind = request.at === undefined ? undefined : conditionBehind(keys, request.at, statement.values.length + 1)
  // A line of its own: the statement may end in a comment.
  const text = `select p.*, json_build_array(${keys.map(keyText).join(', ')})::text as ${keysColumn}
from (
${statement.text.replace(/[\s;]+$/, '')}
) as p${behind === undefined ? '' : `\nwhere ${behind.text}`}
order by ${orderText(keys)}
limit ${request.size + 1}`
  const values = [...statement.values, ...(behind?.values ?? [])]
  const { route, prepare, timeoutMs } = options
  const how = {
    ...(route === undefined ? {} : { route }),
    ...(prepare === undefined ? {} : { prepare }),
    ...(timeoutMs === undefined ? {} : { timeoutMs }),
  }
  try {
    return await pool.query<Record<string, unknown>>(configOf({ text, values }, { prepare: true, ...how }))
  } catch (error) {
    const failure = toFailure(error, values)
    // What cannot be read as the type of its column did not come from a page.
    if (behind !== undefined && sqlstateOf(error)?.startsWith('22') === true) {
      throw refused('The cursor is of another order, or a value of the statement is wrong', failure)
    }
    throw failure
  }
}

/** Text that reads the same whatever DateStyle says: of points in time it is that of JSON. */
function keyText({ column }: PageKey): string {
  const name = `p.${quoteIdent(column)}`
  const inTime = `array['timestamptz', 'timestamp', 'date']::regtype[]`
  return `case when pg_typeof(${name}) = any (${inTime}) then to_json(${name}) #>> '{}' else ${name}::text end`
}

interface Found<Row> {
  readonly row: Row
  readonly keys: KeyTexts
}

function readRows<Row>(result: pg.QueryResult<Record<string, unknown>>): readonly Found<Row>[] {
  return result.rows.map(({ [keysColumn]: keys, ...row }) => ({
    row: row as Row,
    keys: JSON.parse(String(keys)) as KeyTexts,
  }))
}

function toPage<Row>(found: readonly Found<Row>[], { keys, order, size, at, backward }: PageRequest): Page<Row> {
  found.forEach(({ keys: texts }, index) => {
    const nullAt = texts.findIndex((text, position) => text === null && keys[position]?.nulls === undefined)
    if (nullAt >= 0) throw nullKey(keys[nullAt]?.column ?? '')
    const before = found[index - 1]
    if (before !== undefined && before.keys.every((text, position) => text === texts[position])) throw notUnique(keys)
  })
  const hasMore = found.length > size
  const shown = found.slice(0, size)
  const page = backward ? shown.toReversed() : shown
  const first = page[0]
  const last = page.at(-1)
  const cursorAt = (row: Found<Row> | undefined, wanted: boolean): string | undefined =>
    row === undefined || !wanted ? undefined : formatCursor(order, row.keys)
  return {
    rows: page.map(({ row }) => row),
    next: cursorAt(last, backward || hasMore),
    previous: cursorAt(first, backward ? hasMore : at !== undefined),
  }
}

/** Rows whose key is null would be passed over by the comparison with the last row, and nobody would know. */
async function refuseNullable(
  pool: StrataPool,
  memory: Memory<boolean>,
  keys: readonly PageKey[],
  fields: readonly pg.FieldDef[],
): Promise<void> {
  for (const { column, nulls } of keys) {
    const field = fields.find(({ name }) => name === column)
    if (nulls !== undefined || field === undefined) continue
    const id = `${field.tableID}.${field.columnID}`
    const known = memory.get(id)
    const isNotNull = known ?? (field.tableID !== 0 && (await readNotNull(pool, field)))
    if (known === undefined) memory.set(id, isNotNull)
    if (!isNotNull) throw nullKey(column)
  }
}

async function readNotNull(pool: StrataPool, { tableID, columnID }: pg.FieldDef): Promise<boolean> {
  const statement = sql`
    select ${neverNull('a')} as not_null
    from pg_attribute a
    where a.attrelid = ${tableID}::oid
      and a.attnum = ${columnID}::int2`
  const { rows } = await pool.query<{ not_null: boolean }>(configOf(statement, { [ownStatement]: true }))
  return rows[0]?.not_null === true
}

function nullKey(column: string): StrataError {
  return new StrataError('VALUE_INVALID', {
    message: `by: ${JSON.stringify(column)} may be null`,
    expected: 'a column declared not null',
    advice: `Say where nulls stand ('${column} desc nulls last'), or, of an expression that is never null, { notNull: true }.`,
  })
}

function notUnique(keys: readonly PageKey[]): StrataError {
  return new StrataError('VALUE_INVALID', {
    message: `by: two rows have the same ${keys.map(({ column }) => JSON.stringify(column)).join(', ')}`,
    expected: 'columns that tell rows apart',
    advice: 'Add the primary key as the last column.',
  })
}
