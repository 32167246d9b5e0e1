// How large the outbox is, and making room where it has outgrown its cap.
//
// What must be true: from the moment at which writers note again, until all have ended that may have skipped a note before it,
// no epoch counts as made: only then does everything that was skipped show to whoever is told `reset`. Writers are held up
// for `attemptMs` at most while somebody else reads the outbox.

import type { Clock } from '../../../base/clock.ts'
import { StrataError } from '../../../base/errors.ts'
import { onlyRow, type Db, type Queryable } from '../../../db/db.ts'
import type { Lease } from '../../../db/lease.ts'
import { transaction } from '../../../db/transaction.ts'
import { sql } from '../../../sql/sql.ts'
import { sqlstate, sqlstateOf } from '../../../sql/sqlstate.ts'
import { confirmLease } from '../epoch.ts'

/** Why an epoch ends that has changes nobody noted. */
export const outgrown = 'the outbox grew larger than it may'

const attemptMs = 100
const attempts = 10
const pauseMs = 500

/** Without its index: what writers compare with the cap. */
export async function readOutboxBytes(on: Queryable): Promise<number> {
  const answer = await on.query<{ bytes: number }>(sql`select pg_relation_size('pgstrata.outbox')::float8 as bytes`)
  return onlyRow(answer).bytes
}

/** Whether changes were not noted. */
export async function isOutboxFull(on: Queryable): Promise<boolean> {
  const answer = await on.query<{ full: boolean }>(sql`select exists (select from pgstrata.outbox_full) as full`)
  return onlyRow(answer).full
}

export async function requireRoom(on: Queryable): Promise<void> {
  if (await isOutboxFull(on)) throw new StrataError('FEED_LOST', { message: `The feed must begin anew: ${outgrown}` })
}

export interface EmptyOptions {
  readonly lease: Lease
  readonly clock: Clock
  readonly signal: AbortSignal
}

/** With a new epoch: what was noted for the old one is worth nothing. From its commit on, writers note again. */
export async function emptyOutbox(db: Db, { lease, clock, signal }: EmptyOptions): Promise<void> {
  const { rows } = await db.query(sql`
    select from pgstrata.outbox
    union all
    select from pgstrata.outbox_commit
    union all
    select from pgstrata.outbox_full
    limit 1`)
  if (rows.length === 0) return
  for (let attempt = 1; ; attempt++) {
    try {
      return await transaction(
        db,
        async (tx) => {
          await confirmLease(tx, lease)
          await tx.query(sql`truncate pgstrata.outbox, pgstrata.outbox_commit`)
          await tx.query(sql`delete from pgstrata.outbox_full`)
        },
        { lockTimeoutMs: attemptMs },
      )
    } catch (error) {
      if (sqlstateOf(error) !== sqlstate.lockNotAvailable) throw error
      if (attempt >= attempts)
        throw new StrataError('LOCK_TIMEOUT', { message: 'The outbox was not to be had for a new epoch', cause: error })
      await clock.sleep(pauseMs, signal)
    }
  }
}

/** Whoever writes has an id by then: until none is left of those that had one when it was asked. */
export async function outwaitWriters(
  on: Queryable,
  { timeoutMs, clock, signal }: { timeoutMs: number; clock: Clock; signal: AbortSignal },
): Promise<void> {
  const deadline = clock.monotonic() + timeoutMs
  const { next } = await readBounds(on)
  while ((await readBounds(on)).oldest < next) {
    if (clock.monotonic() >= deadline)
      throw new StrataError('FEED_LOST', {
        message: `The feed cannot begin yet: a transaction that was under way when the outbox was emptied has not ended within ${timeoutMs} ms`,
      })
    await clock.sleep(20, signal)
  }
}

async function readBounds(on: Queryable): Promise<{ readonly oldest: bigint; readonly next: bigint }> {
  const answer = await on.query<{ oldest: string; next: string }>(sql`
    select pg_snapshot_xmin(pg_current_snapshot())::text as oldest,
      pg_snapshot_xmax(pg_current_snapshot())::text as next`)
  const { oldest, next } = onlyRow(answer)
  return { oldest: BigInt(oldest), next: BigInt(next) }
}
