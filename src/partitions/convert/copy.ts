// The copying itself: pages of the old table in physical order, a batch in one transaction with the note of how far it came.
//
// Invariants: a batch reads exactly the pages between two positions, in a snapshot taken behind a lock that keeps the table from
// being rewritten or truncated; if its file is another one than at the beginning, pages mean nothing any more and the
// copying begins anew from an empty copy. Pages behind the last one at the beginning hold only rows that were captured.
// Nothing is filtered (row_security off: an error where a policy would) and no trigger fires: the new parent has none yet.
// On failure: what was committed stays, and the next run goes on behind it.

import { forgetTruncations } from '../../changes/capture/index.ts'
import type { Session } from '../../db/db.ts'
import { awaitCalm, awaitReplicas } from '../../plan/index.ts'
import { sql } from '../../sql/sql.ts'
import { requireSameTable } from './read-table.ts'
import { advance, type ConversionRecord } from './record.ts'
import { inTransaction, refresh, type ConversionRun } from './run-context.ts'
import { boundBatch, captureOf, isTooSlow, readLockedTable, steadySnapshot, syncBatchOf } from './sync.ts'

/** They double while they are quick: a page of rows that are stored beside it can stand for hundreds of megabytes. */
export const firstPages = 1
const mostPages = 16_384
const targetMs = 200
/** Batches of notes after each batch of pages, so that they do not pile up behind a long copy. */
const mostSyncs = 4
const patienceMs = 30 * 60_000

/** One batch, or the beginning of it all. */
export async function copyStep(run: ConversionRun): Promise<void> {
  if (run.record.blocks === null) return await beginCopy(run)
  await throttle(run)
  const { record, clock, size } = run
  const until = Math.min(record.blocks ?? 0, record.position + size.pages)
  const begunMs = clock.monotonic()
  const copied = await inTransaction(run, steadySnapshot(record), async (tx) => {
    const { truncated, filenode } = await readLockedTable(tx, record)
    if (truncated || filenode !== record.filenode)
      return await startAnew(tx, run, truncated ? 'truncated' : 'rewritten')
    if (until - record.position > 1) await tx.query(boundBatch)
    return await copyPages(tx, record, until)
  }).catch((error: unknown) => {
    if (!isTooSlow(run, error) || until - record.position <= 1) throw error
    size.pages = Math.max(1, Math.floor((until - record.position) / 8))
    return undefined
  })
  await refresh(run)
  if (copied === undefined) return
  resize(run, clock.monotonic() - begunMs, copied)
  await reportCopy(run, until)
  await run.pace.spend(copied)
  for (let syncs = 0; syncs < mostSyncs; syncs++) {
    if ((await syncBatchOf(run)).isAll) break
  }
}

async function beginCopy(run: ConversionRun): Promise<void> {
  const { record } = run
  await inTransaction(run, steadySnapshot(record), async (tx) => {
    await requireSameTable(tx, record)
    // What was truncated or noted until now is in the state that is copied.
    await forgetTruncations(tx, captureOf(record))
    await tx.query(sql`truncate ${sql.ident(record.names.schema, record.names.incoming)}`)
    await tx.query(sql`
      update pgstrata.conversion
      set position = 0,
        rows_copied = 0,
        filenode = pg_relation_filenode(table_oid)::int8,
        blocks = pg_relation_size(table_oid) / current_setting('block_size')::int8,
        updated_at = clock_timestamp()
      where id = ${record.id}::int8`)
  })
  await refresh(run)
  run.begun.atMs = run.clock.monotonic()
  run.begun.position = 0
}

export type Anew = 'truncated' | 'rewritten'

/** In a transaction that sees the truncation: the copy is emptied, and begins again. */
export async function startAnew(tx: Session, run: ConversionRun, why: Anew): Promise<undefined> {
  const { record } = run
  await tx.query(sql`truncate ${sql.ident(record.names.schema, record.names.incoming)}`)
  await forgetTruncations(tx, captureOf(record))
  await advance(tx, record, 'anew')
  await run.emit({ type: 'anew', why })
  return undefined
}

async function copyPages(tx: Session, record: ConversionRecord, until: number): Promise<number> {
  const { names, facts, position } = record
  const list = sql.join(facts.columns.map((column) => sql.ident(column)))
  // A row that is there came with a note: it is as new as this one, or the note of what happened since is pending.
  const { rowCount } = await tx.query(sql`
    insert into ${sql.ident(names.schema, names.incoming)} (${list})
    overriding system value
    select ${list}
    from only ${sql.ident(names.schema, names.table)}
    where ctid >= ${sql.literal(`(${position},0)`)}::tid
      and ctid < ${sql.literal(`(${until},0)`)}::tid
    on conflict do nothing`)
  await tx.query(sql`
    update pgstrata.conversion
    set position = ${until}::int8, rows_copied = rows_copied + ${rowCount}, updated_at = clock_timestamp()
    where id = ${record.id}::int8`)
  if (until >= (record.blocks ?? 0)) await advance(tx, record, 'completed')
  return rowCount
}

function resize(run: ConversionRun, tookMs: number, rows: number): void {
  const { size, limits } = run
  const tooMany = limits.rowsPerSecond !== undefined && rows > limits.rowsPerSecond
  if (tookMs > 2 * targetMs || tooMany) size.pages = Math.max(1, Math.floor(size.pages / 2))
  else if (tookMs < targetMs / 2) size.pages = Math.min(mostPages, size.pages * 2)
}

async function reportCopy(run: ConversionRun, position: number, note?: string): Promise<void> {
  const { record, begun, clock } = run
  const elapsedMs = Math.max(1, clock.monotonic() - begun.atMs)
  const pagesPerMs = (position - begun.position) / elapsedMs
  const share = record.blocks === null || record.blocks === 0 ? 1 : position / record.blocks
  await run.emit({
    type: 'progress',
    state: 'copying',
    done: record.rowsCopied,
    total: Math.max(record.rowsCopied, Math.round(record.rowsCopied / Math.max(share, 1e-9))),
    unit: 'rows',
    rowsPerSecond: (record.rowsCopied / Math.max(1, position)) * pagesPerMs * 1_000,
    leftMs: pagesPerMs === 0 ? undefined : Math.max(0, (record.blocks ?? 0) - position) / pagesPerMs,
    note,
  })
}

/** Waits for replicas, and for a busy server; each for half an hour at the most. */
export async function throttle(run: ConversionRun): Promise<void> {
  const { session, limits, record } = run
  const how = {
    code: 'CONVERT_FAILED',
    patienceMs,
    clock: run.clock,
    random: run.random,
    signal: run.signal,
    onWait: (note: string) => void reportCopy(run, record.position, note).catch(() => undefined),
  } as const
  await awaitReplicas(session, { ...how, maxLagBytes: limits.maxLagBytes, maxLagMs: limits.maxLagMs })
  if (limits.maxActive !== undefined) await awaitCalm(session, { ...how, maxActive: limits.maxActive })
}
