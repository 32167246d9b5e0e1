// Empties a default partition into partitions of its periods: a new default partition and the new partitions are built beside
// it and exchanged for it in one short transaction.
//
// Invariant: at every commit each row is in exactly one partition of the table. Before the exchange that is the old default
// partition, untouched; after it the new ones, which then have exactly its rows:
//   - online: row triggers on the default partition note every change (changes/capture: statement triggers fire on the relation
//     that a statement names, which is the table), pages are copied in bounded batches, notes are carried over
//     until none is left, both are compared in one snapshot, and the exchange comes when nobody has an older snapshot;
//   - at once, where that cannot be done and rows are few: copied in the transaction of the exchange, behind its locks.
// A policy that would hide a row from whoever drains is an error (row_security off), and never a row that is lost.
// Rows are never deleted and inserted again: that would fire the application's triggers and the cascades of foreign keys.
//
// Who sees what: at the exchange everything was committed for so long that every snapshot there is has it, so no reader in
// whatever isolation misses a row. Where changes never pause for the exchange, up to 500 notes are carried over in it, and
// at once all rows are; then a statement that waited for its lock with a snapshot taken before (EXECUTE of SQL, a STABLE function,
// REPEATABLE READ) does not see those rows; others take their snapshot behind the lock (PostgreSQL 18 §13.6).
// On failure: what was built is dropped, by this run or the next. What is killed leaves things of known names, all made in one transaction.

import {
  captureStatements,
  consume,
  consumptionSettings,
  countPending,
  wasTruncated,
} from '../changes/capture/index.ts'
import type { Queryable, Session } from '../db/db.ts'
import { climb } from '../plan/index.ts'
import { quoteQualified } from '../sql/quote.ts'
import { sql } from '../sql/sql.ts'
import {
  awaitSnapshots,
  catchUp,
  consumption,
  copyInBatches,
  copyRows,
  Disturbed,
  verifyCopy,
  type DrainTools,
} from './drain-copy.ts'
import { countRows, isThere, type DrainSubject } from './drain-queries.ts'
import {
  captureOfDrain,
  checksOf,
  clearStatements,
  exchangeStatements,
  lockStatements,
  stageStatements,
  stagingName,
  type Staging,
} from './drain-staging.ts'

/** More changed than can be carried over while everybody waits. */
export class TooManyNotes extends Error {}

/** Moved in one transaction, behind its locks. */
export const atOnceRows = 5_000

const mostExchanges = 20
/** So many tries wait for a moment in which nothing is pending; then some milliseconds of carrying over are accepted. */
const patientExchanges = 10
const mostNotesAtExchange = 500

/** Whether an earlier run was lost, and what it left is gone now. */
export async function clearRemains(tools: DrainTools, subject: DrainSubject): Promise<boolean> {
  const { session } = tools
  const { schema } = subject.declared
  if (
    !(await isThere(session, schema, stagingName(subject))) &&
    !(await isThere(session, 'pgstrata', `capture_${captureOfDrain(subject).id}`))
  )
    return false
  await inLadder(tools, 'cleared', (tx) => runAll(tx, clearStatements(subject)))
  return true
}

/** Everything in one transaction: for few rows. */
export async function drainAtOnce(tools: DrainTools, staging: Staging): Promise<void> {
  const { subject } = staging
  await inLadder(tools, 'exchanged', async (tx) => {
    // Before anybody waits: it is most of the work.
    await runAll(tx, stageStatements(staging))
    await lock(tx, subject)
    await requireSame(tx, subject)
    await tx.query(sql`set local row_security = off`)
    // Filled up since it was looked at.
    if ((await countRows(tx, subject.from, atOnceRows + 1)) > atOnceRows) throw new Disturbed()
    await copyRows(tx, subject, undefined)
    await exchange(tx, staging, false)
  })
}

/** In many transactions, of which only the last one keeps anybody waiting. */
export async function drainOnline(tools: DrainTools, staging: Staging): Promise<void> {
  const { subject } = staging
  try {
    await prepare(tools, staging)
    await copyInBatches(tools, subject)
    await catchUp(tools, subject)
    await verifyCopy(tools, subject)
    await catchUp(tools, subject)
    await awaitSnapshots(tools, subject)
    for (let tries = 1; ; tries++) {
      try {
        await exchangeOnline(tools, staging, tries <= patientExchanges ? 0 : mostNotesAtExchange)
        return
      } catch (error) {
        if (!(error instanceof TooManyNotes) || tries === mostExchanges) throw error
        await catchUp(tools, subject)
        await awaitSnapshots(tools, subject)
      }
    }
  } catch (error) {
    // What cannot be cleared now is cleared by the next run.
    await clearRemains({ ...tools, signal: undefined }, subject).catch(() => undefined)
    throw error
  }
}

async function prepare(tools: DrainTools, staging: Staging): Promise<void> {
  const { subject } = staging
  const capture = captureStatements(captureOfDrain(subject))
  await inLadder(tools, 'prepared', async (tx) => {
    await runAll(tx, [...stageStatements(staging), ...checksOf(staging), ...capture.prepare])
    // Last, because it is waited for: from its commit on every change is noted.
    await runAll(tx, capture.install)
  })
}

async function exchangeOnline(tools: DrainTools, staging: Staging, mostNotes: number): Promise<void> {
  const { subject } = staging
  const capture = captureOfDrain(subject)
  await inLadder(tools, 'exchanged', async (tx) => {
    await lock(tx, subject)
    await requireSame(tx, subject)
    if (await wasTruncated(tx, capture)) throw new Disturbed()
    if ((await countPending(tx, capture, mostNotes + 1)) > mostNotes) throw new TooManyNotes()
    await tx.query(sql.raw(consumptionSettings))
    while ((await consume(tx, consumption(subject, undefined))) > 0);
    await exchange(tx, staging, true)
  })
}

/** A statement behind the locks that would take longer is given up: DETACH looks for foreign keys that need the rows. */
const mostStatementMs = 5_000

async function lock(tx: Queryable, subject: DrainSubject): Promise<void> {
  await runAll(tx, lockStatements(subject))
  await tx.query(sql.raw(`set local statement_timeout = '${mostStatementMs}ms'`))
}

/** Under the locks: the default partition is still that one. */
async function requireSame(tx: Queryable, { parentOid, from, declared }: DrainSubject): Promise<void> {
  const { rows } = await tx.query(sql`
    select
    from pg_partitioned_table
    where partrelid = ${parentOid}::oid
      and partrelid = to_regclass(${quoteQualified(declared.schema, declared.table)})
      and partdefid = ${from.oid}::oid`)
  if (rows.length === 0) throw new Disturbed()
}

async function exchange(tx: Session, staging: Staging, checked: boolean): Promise<void> {
  await runAll(tx, exchangeStatements(staging, checked))
  await renameIndexes(tx, staging.subject)
}

/** The new default partition's indexes are called as if it had had its name from the beginning. */
async function renameIndexes(tx: Session, subject: DrainSubject): Promise<void> {
  const prefix = `${stagingName(subject)}_default`
  const { rows } = await tx.query<{ schema: string; name: string }>(sql`
    select n.nspname::text as schema, x.relname::text as name
    from pg_index i
    join pg_class x on x.oid = i.indexrelid
    join pg_namespace n on n.oid = x.relnamespace
    where i.indrelid = to_regclass(${quoteQualified(subject.declared.schema, subject.from.name)})
      and starts_with(x.relname, ${prefix})`)
  for (const { schema, name } of rows) {
    const wanted = `${subject.from.name}${name.slice(prefix.length)}`
    if (Buffer.byteLength(wanted) > 63 || (await isThere(tx, schema, wanted))) continue
    await tx.query(sql`alter index ${sql.ident(schema, name)} rename to ${sql.ident(wanted)}`)
  }
}

async function runAll(tx: Queryable, statements: readonly string[]): Promise<void> {
  for (const statement of statements) await tx.query(sql.raw(statement))
}

async function inLadder(tools: DrainTools, what: string, work: (tx: Session) => Promise<void>): Promise<void> {
  const { session } = tools
  await climb(tools, async (lockTimeoutMs) => {
    await session.query(sql.raw(`begin; set local lock_timeout = '${lockTimeoutMs}ms'`))
    await tools.confirm(session)
    await work(session)
    await session.query(sql`commit`)
  })
  await tools.onCommit?.(what)
}
