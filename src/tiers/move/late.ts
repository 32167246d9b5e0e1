// Rows that came to a partition while the table that is to take its place was filled: they are brought into that table before the
// exchange.
//
// I1. What the exchange itself would put there is younger than a snapshot that has seen such a row come, and that snapshot would miss
// it. So they are brought there in a transaction of their own, behind which every older snapshot is waited out, as it is behind the
// filling; and the exchange takes place only when none has come since.
// I2. From then on the snapshot of the move is that of this transaction. What was touched until then is found in it.

import { StrataError } from '../../base/errors.ts'
import { onlyRow, type Session } from '../../db/db.ts'
import { sql } from '../../sql/sql.ts'
import { readSourceColumns } from '../model/columns.ts'
import { advance, type TierPartition } from '../model/record.ts'
import { settleStep } from './barrier.ts'
import { inTransaction, type MoveRun } from './context.ts'
import { putBack, readWatched, requireUntouched, type Guarded } from './guard.ts'
import { nameOf } from './leaves.ts'

/** Found behind the locks: what came has to be brought over first. */
export class CameLate extends Error {
  constructor() {
    super('Rows have come since they were brought over')
  }
}

/** At each of them, rows had come in the moment since the one before. */
const mostTries = 12

export interface LateRows {
  readonly guarded: Guarded
  /** Quoted. */
  readonly into: string
}

/** `swap` throws CameLate where rows have come since the snapshot of the move. */
export async function withLateRows(run: MoveRun, late: LateRows, swap: () => Promise<void>): Promise<void> {
  for (let tried = 1; ; tried++) {
    try {
      await swap()
      return
    } catch (error) {
      if (!(error instanceof CameLate)) throw error
      if (tried === mostTries) throw tooMany(run.record, error)
    }
    await bringOver(run, late)
    await settleStep(run)
  }
}

async function bringOver(run: MoveRun, { guarded, into }: LateRows): Promise<void> {
  await inTransaction(run, { isolation: 'repeatable read' }, async (tx) => {
    const { record } = run
    requireUntouched(await readWatched(tx, record, guarded))
    const columns = await readSourceColumns(tx, record.oid ?? 0)
    await tx.query(sql.raw(putBack(record, columns, into)))
    return await advance(tx, record, 'late', { snapshot: await readSnapshot(tx) })
  })
}

async function readSnapshot(tx: Session): Promise<string> {
  return onlyRow(await tx.query<{ snapshot: string }>(sql`select pg_current_snapshot()::text as snapshot`)).snapshot
}

function tooMany(record: TierPartition, cause: unknown): StrataError {
  return new StrataError('LOCK_TIMEOUT', {
    message: `${nameOf(record)}: rows came to it in every of ${mostTries} moments in which it was to be exchanged (${record.state})`,
    advice:
      'Nothing is lost: the next run goes on. A partition to which rows come all the time is better left as it is.',
    cause,
  })
}
