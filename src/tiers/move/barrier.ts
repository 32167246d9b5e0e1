// Waits until every snapshot of this database that could miss what was just committed is gone.
//
// Whoever swaps empties a table behind the back of an old REPEATABLE READ, and gives it rows instead that are younger than its
// snapshot. CREATE INDEX CONCURRENTLY returns when no transaction is left whose snapshot is older than the one it has validated
// its index with: that is the wait, on a table of our own that is always empty, and no right to see other sessions is needed.
// Nobody else waits meanwhile: it holds no snapshot while it does, and locks nothing but that table.
//
// A table for each partition, for two such indexes on one table would wait for each other. Snapshots on standbys are not waited for.

import type { Session } from '../../db/db.ts'
import { quoteQualified } from '../../sql/quote.ts'
import { sql } from '../../sql/sql.ts'
import { StrataError } from '../../base/errors.ts'
import { rollback, transaction } from '../../db/transaction.ts'
import { isRace } from '../../plan/index.ts'
import { advance } from '../model/record.ts'
import { inTransaction, type MoveRun } from './context.ts'
import { nameOf } from './leaves.ts'

/** The state between what is built and the swap. */
export async function settleStep(run: MoveRun): Promise<void> {
  const { session, record, ladder } = run
  try {
    await awaitOlderSnapshots(session, record.id, ladder.concurrentTimeoutMs)
  } catch (error) {
    throw isRace(error) ? stillWatched(record, error) : error
  }
  await inTransaction(run, {}, (tx) => advance(tx, run.record, 'completed'))
}

/** Outside of a transaction. `id`: of a partition. Throws what the server says where somebody keeps a snapshot for longer. */
export async function awaitOlderSnapshots(session: Session, id: bigint, timeoutMs: number): Promise<void> {
  const table = barrierTable(id)
  await session.query(sql.raw(`drop table if exists ${table}`))
  await session.query(sql.raw(`create table ${table} (id integer)`))
  try {
    await session.query(sql.raw(`set lock_timeout = '${timeoutMs}ms'`))
    await session.query(sql.raw(`create index concurrently on ${table} (id)`))
  } finally {
    await rollback(session)
    await session.query(sql.raw(`reset lock_timeout; drop table if exists ${table}`)).catch(() => undefined)
  }
}

/** Of a killed mover the server may still wait in it: then the next `tidy.ts` has it. */
const patienceMs = 2_000

/** What a mover that was killed has left. */
export async function dropBarrier(session: Session, id: bigint): Promise<void> {
  try {
    await transaction(session, (tx) => tx.query(sql.raw(`drop table if exists ${barrierTable(id)}`)), {
      lockTimeoutMs: patienceMs,
    })
  } catch (error) {
    if (!isRace(error)) throw error
  }
}

/** Left behind by a mover that was killed, it is dropped by the next one, by an abort, or by `tidy.ts`. */
function barrierTable(id: bigint): string {
  return quoteQualified('pgstrata', `tier_barrier_${id}`)
}

function stillWatched(record: MoveRun['record'], cause: unknown): StrataError {
  return new StrataError('LOCK_TIMEOUT', {
    message: `${nameOf(record)}: a transaction is open that still sees the database as it was before (${record.state})`,
    advice:
      'Wait for it to end, or end it: `pgstrata doctor` names transactions that are open for long. The next run goes on.',
    cause,
  })
}
