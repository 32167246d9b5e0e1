// Carries noted changes over to the copy, batch by batch. What makes that right is at the head of
// changes/capture/consume.ts; here: each batch is one transaction with the record of it, in one snapshot that is taken behind the
// lock on the table.

import {
  consume,
  consumptionSettings,
  truncationsOf,
  type Capture,
  type LogCursor,
} from '../../changes/capture/index.ts'
import { onlyRow, type Session } from '../../db/db.ts'
import { quoteQualified } from '../../sql/quote.ts'
import { sql, type Sql } from '../../sql/sql.ts'
import { sqlstate, sqlstateOf } from '../../sql/sqlstate.ts'
import { capturedColumns, requireSameTable } from './read-table.ts'
import type { ConversionRecord } from './record.ts'
import { inTransaction, refresh, type ConversionRun, type TransactionPlan } from './run-context.ts'

export function captureOf(record: ConversionRecord): Capture {
  return {
    id: record.id,
    schema: record.names.schema,
    table: record.names.table,
    columns: capturedColumns(record.facts),
    level: 'statement',
  }
}

/** One state of the table from here on, in which nobody can have truncated or rewritten it unseen. */
export function steadySnapshot(record: ConversionRecord): TransactionPlan {
  const { schema, table } = record.names
  return {
    isolation: 'repeatable read',
    // A policy that hides a row is an error, not a row less.
    first: [
      consumptionSettings,
      'set local row_security = off',
      `lock table only ${quoteQualified(schema, table)} in access share mode`,
    ],
  }
}

/** What is seen of the table behind a lock that keeps it as it is. */
interface TableSeen {
  readonly truncated: boolean
  readonly filenode: number | null
}

/** In a transaction that has locked the table: refuses another one that has its name by now. */
export async function readLockedTable(tx: Session, record: ConversionRecord): Promise<TableSeen> {
  await requireSameTable(tx, record)
  return onlyRow(
    await tx.query<TableSeen>(sql`
      select exists (select from ${sql.raw(truncationsOf(captureOf(record)))}) as truncated,
        pg_relation_filenode(${record.facts.oid}::int8::oid)::int8::float8 as filenode`),
  )
}

/** How many notes are taken at once: as many as take about 200 ms, between these. */
export const firstNotes = 500
const fewestNotes = 50
const mostNotes = 5_000
const targetMs = 200
/** A batch that takes as long as this is undone and done again by parts: the next rows may be a thousand times as wide. */
const batchTimeoutMs = 10 * targetMs

export interface Synced {
  readonly taken: number
  readonly truncated: boolean
  /** No more were visible. */
  readonly isAll: boolean
}

/** One batch. A second unique key that a part of the changes would break is satisfied by all of them. */
export async function syncBatchOf(run: ConversionRun): Promise<Synced> {
  const { clock, size } = run
  const limit = size.notes
  const begunMs = clock.monotonic()
  let synced: Synced
  try {
    synced = await trySync(run, limit)
  } catch (error) {
    if (partial.has(sqlstateOf(error) ?? '')) synced = await trySync(run, undefined)
    else if (isTooSlow(run, error) && limit > fewestNotes) {
      size.notes = Math.max(fewestNotes, Math.floor(limit / 8))
      return { taken: 0, truncated: false, isAll: false }
    } else throw error
  }
  const tookMs = clock.monotonic() - begunMs
  // Few of them take as long as their transaction, whatever they are.
  if (synced.taken >= fewestNotes) size.noteMs = tookMs / synced.taken
  if (tookMs > 2 * targetMs) size.notes = Math.max(fewestNotes, Math.floor(size.notes / 2))
  else if (tookMs < targetMs / 2) size.notes = Math.min(mostNotes, size.notes * 2)
  if (synced.taken > 0) await refresh(run)
  return synced
}

async function trySync(run: ConversionRun, limit: number | undefined): Promise<Synced> {
  const { record } = run
  return await inTransaction(run, steadySnapshot(record), async (tx) => {
    if ((await readLockedTable(tx, record)).truncated) return { taken: 0, truncated: true, isAll: false }
    if (limit !== undefined && limit > fewestNotes) await tx.query(boundBatch)
    const taken = await consumeInto(tx, record, limit, run.log)
    return { taken, truncated: false, isAll: limit === undefined || taken < limit }
  })
}

/** Behind the locks, which have timeouts of their own. */
export const boundBatch: Sql = sql.raw(`set local statement_timeout = '${batchTimeoutMs}ms'`)

/** By `boundBatch`, not by whoever wants it all to end. */
export function isTooSlow(run: ConversionRun, error: unknown): boolean {
  return sqlstateOf(error) === sqlstate.queryCanceled && run.signal?.aborted !== true
}

const swapBudgetMs = 50
const fewestAtSwap = 20
const mostAtSwap = 500

/** Notes that the swap may carry over while everybody waits: what takes about 50 ms, by the last batches. */
export function pendingAllowed({ size }: Pick<ConversionRun, 'size'>): number {
  if (size.noteMs === 0) return mostAtSwap
  return Math.min(mostAtSwap, Math.max(fewestAtSwap, Math.floor(swapBudgetMs / size.noteMs)))
}

const partial: ReadonlySet<string> = new Set([sqlstate.uniqueViolation, sqlstate.exclusionViolation])

/** In a transaction that `consume` accepts: takes up to `limit` notes and records how many. */
export async function consumeInto(
  tx: Session,
  record: ConversionRecord,
  limit: number | undefined,
  cursor?: LogCursor,
): Promise<number> {
  const taken = await consume(tx, {
    capture: captureOf(record),
    into: { schema: record.names.schema, table: record.names.incoming },
    columns: record.facts.columns,
    limit,
    cursor,
  })
  if (taken > 0) {
    await tx.query(sql`
      update pgstrata.conversion
      set rows_synced = rows_synced + ${taken}, updated_at = clock_timestamp()
      where id = ${record.id}::int8`)
  }
  return taken
}
