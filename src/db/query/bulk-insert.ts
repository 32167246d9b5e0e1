// Many rows into one table, by the way that is fastest for their number.
// Promises: all rows or none, in one transaction; with `each`, batch by batch, and the error says how many rows of committed
// batches there are. Rows are read as fast as they are written, a batch ahead at most. Nothing is tried again: a source can
// be read once.
// On failure the error shows no value, and what is remembered of the table is forgotten.

import { isStrataError, StrataError, messageOf } from '../../base/errors.ts'
import { sqlstateOf } from '../../sql/sqlstate.ts'
import type { Sql } from '../../sql/sql.ts'
import { asOwn } from '../pool/observer.ts'
import type { StrataPool } from '../pool/strata-pool.ts'
import { answerOf, type QueryAnswer } from './answer.ts'
import { RowSource, type BulkRows } from './bulk-rows.ts'
import { pickColumns, type BulkTable, type TableReader } from './bulk-table.ts'
import { copyLine, copyText, insertStatement, type InsertShape, type OnConflict } from './bulk-write.ts'
import { sendCopy } from './copy-in.ts'
import { createEncoder, encodeRow, type EncodedRow, type Encoder } from './encode.ts'
import { toBulkFailure, toFailure } from './failure.ts'
import { configOf } from './send.ts'
import type { TxRun } from './tx-run.ts'

export type { BulkRows } from './bulk-rows.ts'

export interface BulkOptions {
  /** Default: the keys of the first row that have a value. Columns left out take their default. */
  readonly columns?: readonly string[]
  /** What to do with a row whose key is there already. Default: fail. */
  readonly onConflict?: OnConflict
  /** Columns to give back of the rows written, in no promised order. */
  readonly returning?: readonly string[]
  /** Rows handed to the server and counted since the beginning, after each batch. */
  readonly onProgress?: (count: number) => void
}

export interface BulkInsertOptions extends BulkOptions {
  /** With `each`: rows of a batch. Default 5000, at most 100000. */
  readonly batchSize?: number
  /** Commits after each batch. */
  readonly each?: boolean
}

export interface BulkInsertAnswer<Row> {
  /** Rows written, as the server counts them. */
  readonly count: number
  /** With `returning`. */
  readonly rows: readonly Row[]
}

export interface BulkRequest {
  readonly table: string | readonly string[]
  readonly rows: BulkRows
  readonly options: BulkInsertOptions
}

/**
 * Six columns (int8 key, text, float8, timestamptz, bool, jsonb), PostgreSQL 18 on the same two busy cores, medians of
 * rounds taken in turn, ms for INSERT from unnest / COPY in its transaction / INSERT with a list of values:
 * 10 rows 2.3 / 4.5 / 1.4, 100: 4.0 / 6.0 / 3.6, 500: 15.6 / 15.2 / 22, 1000: 32 / 28 / 46, 10000: 410 / 344 / 538,
 * 100000: 3319 / 1405 / 2317. COPY costs two round trips more, which a network makes dearer.
 */
const copyFromRows = 500
const defaultBatch = 5_000
const largestBatch = 100_000
/** An INSERT's rows are held in memory, and its arrays are single values for the server. */
const largestInsertCharacters = 8_000_000
const chunkCharacters = 262_144

interface Job {
  readonly source: RowSource
  readonly shape: InsertShape
  readonly encoders: readonly Encoder[]
}

/** How a job reaches the server. */
interface Way {
  readonly ask: (statement: Sql) => Promise<QueryAnswer<object>>
  /** A transaction for what takes several statements. */
  readonly within: <T>(work: (way: CopyingWay) => Promise<T>) => Promise<T>
}

interface CopyingWay extends Way {
  readonly copy: (text: string, chunks: AsyncIterable<string>) => Promise<number>
}

export interface BulkPlace {
  readonly run: TxRun
  readonly level: number
  readonly tables: TableReader
}

/** In a transaction that is open already. */
export async function bulkInsertIn<Row extends object>(
  { run, level, tables }: BulkPlace,
  request: BulkRequest,
): Promise<BulkInsertAnswer<Row>> {
  if (request.options.each === true) {
    throw new StrataError('VALUE_INVALID', { message: 'each commits, which a transaction does once, at its end' })
  }
  return await insert<Row>(wayOn(run, level), tables, request)
}

function wayOn(run: TxRun, level: number): CopyingWay {
  const way: CopyingWay = {
    ask: async (statement) => {
      run.check(level)
      return answerOf<object>(await run.send(configOf(statement, { prepare: false })))
    },
    copy: (text, chunks) => sendCopy(run, level, { text, chunks }),
    within: (work) => work(way),
  }
  return way
}

export interface BulkParts {
  readonly pool: StrataPool
  readonly tables: TableReader
  /** Runs work in a transaction, once. */
  readonly inRun: <T>(work: (run: TxRun) => Promise<T>) => Promise<T>
}

export async function bulkInsert<Row extends object>(
  parts: BulkParts,
  request: BulkRequest,
): Promise<BulkInsertAnswer<Row>> {
  const ask = async (statement: Sql): Promise<QueryAnswer<object>> =>
    answerOf<object>(await parts.pool.query(configOf(statement, { route: 'write' })))
  const within: Way['within'] = (work) => parts.inRun((run) => work(wayOn(run, 0)))
  return await insert<Row>({ ask, within }, parts.tables, request)
}

async function insert<Row extends object>(
  way: Way,
  tables: TableReader,
  { table, rows, options }: BulkRequest,
): Promise<BulkInsertAnswer<Row>> {
  const parts = typeof table === 'string' ? [table] : table
  const batchSize = batchSizeOf(options)
  const source = new RowSource(rows, options.columns)
  let found: BulkTable | undefined
  try {
    const names = await source.columns()
    if (names === undefined) return { count: 0, rows: [] }
    found = await tables.read(parts, async (statement) => (await way.ask(asOwn(statement))).rows)
    const columns = pickColumns(found, names)
    const { onConflict, returning } = options
    const job = {
      source,
      shape: { table: found, columns, onConflict, returning },
      encoders: columns.map(createEncoder),
    }
    const answer =
      options.each === true ? await insertEach(way, job, batchSize, options) : await insertWhole(way, job, options)
    return answer as BulkInsertAnswer<Row>
  } catch (error) {
    tables.forget(parts)
    throw isStrataError(error) ? error : toBulkFailure(error, found?.names ?? new Set(parts))
  } finally {
    await source.close()
  }
}

function batchSizeOf({ batchSize = defaultBatch }: BulkInsertOptions): number {
  if (Number.isInteger(batchSize) && batchSize >= 1 && batchSize <= largestBatch) return batchSize
  throw new StrataError('VALUE_INVALID', {
    message: 'batchSize',
    expected: `1 to ${largestBatch}`,
    got: String(batchSize),
  })
}

function canCopy({ table, onConflict, returning }: InsertShape): boolean {
  return table.copyable && onConflict === undefined && (returning === undefined || returning.length === 0)
}

/** A single statement is all or nothing by itself. */
async function insertWhole(way: Way, job: Job, options: BulkOptions): Promise<BulkInsertAnswer<object>> {
  const most = canCopy(job.shape) ? copyFromRows : defaultBatch
  const first = await readBatch(job, most)
  if (first.isLast) return tell(await insertBatch(way, job, first.rows), options)
  return await way.within(async (inner) => {
    if (canCopy(job.shape)) {
      const count = await inner.copy(copyText(job.shape), linesOf(job, first.rows))
      return tell({ count, rows: [] }, options)
    }
    const total: { count: number; rows: object[] } = { count: 0, rows: [] }
    for (let batch = first; batch.rows.length > 0; batch = await readBatch(job, most)) {
      const { count, rows } = await insertBatch(inner, job, batch.rows)
      total.count += count
      for (const row of rows) total.rows.push(row)
      tell(total, options)
      if (batch.isLast) break
    }
    return total
  })
}

async function insertEach(
  way: Way,
  job: Job,
  batchSize: number,
  options: BulkOptions,
): Promise<BulkInsertAnswer<object>> {
  const total: { count: number; rows: object[] } = { count: 0, rows: [] }
  let acknowledged = 0
  try {
    for (;;) {
      const batch = await readBatch(job, batchSize)
      if (batch.rows.length === 0) break
      const { count, rows } =
        batch.rows.length >= copyFromRows && canCopy(job.shape)
          ? await way.within(async ({ copy }) => ({
              count: await copy(copyText(job.shape), chunksOf(batch.rows)),
              rows: [],
            }))
          : await insertBatch(way, job, batch.rows)
      total.count += count
      acknowledged += batch.rows.length
      for (const row of rows) total.rows.push(row)
      tell(total, options)
      if (batch.isLast) break
    }
  } catch (error) {
    const cause = isStrataError(error) ? error : toBulkFailure(error, job.shape.table.names)
    throw new StrataError('BULK_INSERT_STOPPED', {
      message: `Stopped after ${acknowledged} rows (${messageOf(cause)})`,
      details: { count: acknowledged, written: total.count, sqlstate: sqlstateOf(cause) },
      cause,
    })
  }
  return total
}

function tell<Answer extends { readonly count: number }>(answer: Answer, options: BulkOptions): Answer {
  options.onProgress?.(answer.count)
  return answer
}

async function insertBatch(way: Way, job: Job, rows: readonly EncodedRow[]): Promise<BulkInsertAnswer<object>> {
  const statement = insertStatement(job.shape, rows)
  try {
    const answer = await way.ask(statement)
    return { count: answer.rowCount, rows: answer.rows }
  } catch (error) {
    throw toFailure(error, rows.flat())
  }
}

interface Batch {
  readonly rows: readonly EncodedRow[]
  readonly isLast: boolean
}

async function readBatch(job: Job, most: number): Promise<Batch> {
  const rows: EncodedRow[] = []
  let characters = 0
  while (rows.length < most && characters < largestInsertCharacters) {
    const row = await nextRow(job)
    if (row === undefined) return { rows, isLast: true }
    for (const text of row) characters += text?.length ?? 0
    rows.push(row)
  }
  return { rows, isLast: job.source.ended }
}

function nextRow(job: Job): EncodedRow | undefined | Promise<EncodedRow | undefined> {
  const next = job.source.next()
  const encode = (values: readonly unknown[] | undefined): EncodedRow | undefined =>
    values === undefined ? undefined : encodeRow(values, job.shape.columns, job.encoders, job.source.count - 1)
  return next instanceof Promise ? next.then(encode) : encode(next)
}

/** What was read already, then the rest of the source. */
async function* linesOf(job: Job, read: readonly EncodedRow[]): AsyncGenerator<string> {
  yield* chunksOf(read)
  let chunk = ''
  for (;;) {
    const next = nextRow(job)
    const row = next instanceof Promise ? await next : next
    if (row === undefined) break
    chunk += copyLine(row)
    if (chunk.length < chunkCharacters) continue
    yield chunk
    chunk = ''
  }
  if (chunk !== '') yield chunk
}

async function* chunksOf(rows: readonly EncodedRow[]): AsyncGenerator<string> {
  let chunk = ''
  for (const row of rows) {
    chunk += copyLine(row)
    if (chunk.length < chunkCharacters) continue
    yield chunk
    chunk = ''
  }
  if (chunk !== '') yield chunk
}
