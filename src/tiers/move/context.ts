// What every step of a move works with: the session that holds the table's lock, the partition's row as last committed, and the one
// way to change a table that others use.
//
// Invariant: a step and its change of state commit together, under the row's token; a step that is done twice does it once. No
// lock that others need is waited for longer than a rung of the ladder.

import type { Clock } from '../../base/clock.ts'
import { StrataError } from '../../base/errors.ts'
import type { Random } from '../../base/random.ts'
import type { Db, Queryable, Session } from '../../db/db.ts'
import { climb, isRace, type Ladder } from '../../plan/index.ts'
import { quoteQualified } from '../../sql/quote.ts'
import { sql } from '../../sql/sql.ts'
import type { DuckFactory } from '../archive/duck.ts'
import type { TieredTable } from '../model/options.ts'
import type { Fitting, TierPartition } from '../model/record.ts'
import type { Store } from '../store/store.ts'

/** Done, and the state with it; or it throws, and nothing was done. */
export type Step = (run: MoveRun) => Promise<void>

/** What it takes to make files of a partition, and to get them back. */
export interface Archiving {
  readonly store: Store
  readonly duck: DuckFactory
  /** Folder for files on their way. */
  readonly work: string
  /** Another store, by its URL: where a partition was archived before another one was declared. */
  readonly storeAt?: ((url: string) => Store) | undefined
}

export interface MoveRun {
  /** Other connections: to look at replicas, and for what must not be part of a transaction. */
  readonly db: Db
  /** Holds the table's lock. */
  readonly session: Session
  readonly table: TieredTable
  /** Undefined: no archive is declared. */
  readonly archiving: Archiving | undefined
  /** What a person says of archived columns now; what holds is noted with the partition. */
  readonly fitting: Fitting | undefined
  readonly ladder: Ladder
  readonly clock: Clock
  readonly random: Random
  readonly signal: AbortSignal | undefined
  /** Now, where it is not the database's. */
  readonly at: Date | undefined
  /** In a transaction: throws where the work is not ours any more. */
  readonly confirm: (tx: Queryable) => Promise<void>
  /** Between two pieces of long work: waits for replicas that stay behind. */
  readonly throttle: () => Promise<void>
  /** After each commit. Awaited: who listens can hold the work up, or end it. */
  readonly onCommit: ((what: string) => void | Promise<void>) | undefined
  readonly onProgress: ((share: number) => void) | undefined
  /** As last committed. */
  record: TierPartition
}

/** Why a swap, or a drop, did not take place: it was found out behind its locks, and all of it is taken back. */
export class NotNow extends Error {}

export interface TransactionPlan {
  readonly isolation?: 'repeatable read'
  /** SQL that runs before the transaction has a snapshot: settings, and `lock table`. */
  readonly first?: readonly string[]
}

/**
 * One transaction with its change of state, tried rung by rung: whoever holds a lock that it needs is waited for as long as the
 * rung says, and then everybody else goes first. `work` gives the row as it is behind it.
 */
export async function inTransaction(
  run: MoveRun,
  plan: TransactionPlan,
  work: (tx: Session, lockTimeoutMs: number) => Promise<TierPartition>,
): Promise<void> {
  const { session } = run
  const state = { next: run.record }
  // Said, for a role may have another default: a snapshot older than the locks would not see what they waited for.
  const begin = `begin isolation level ${plan.isolation ?? 'read committed'}`
  let tries = 0
  try {
    await climb(run, async (lockTimeoutMs) => {
      // Hours of work would be done again, to find out at its end.
      if (tries++ > 0) await requireOurs(run)
      const first = [begin, `set local lock_timeout = '${lockTimeoutMs}ms'`, ...(plan.first ?? [])]
      await session.query(sql.raw(first.join('; ')))
      state.next = await work(session, lockTimeoutMs)
      await run.confirm(session)
      await session.query(sql`commit`)
    })
  } catch (error) {
    throw isRace(error) ? tooBusy(run, error) : error
  }
  run.record = state.next
  await run.onCommit?.(run.record.state)
}

async function requireOurs({ session, record }: MoveRun): Promise<void> {
  const { rows } = await session.query(sql`
    select
    from pgstrata.tier_partition
    where id = ${record.id}::int8
      and token = ${record.token}::int8`)
  if (rows.length > 0) return
  throw new StrataError('TIER_BUSY', {
    message: `Partition ${quoteQualified(record.schema, record.name)} was moved on by another process`,
  })
}

function tooBusy({ record, ladder }: MoveRun, cause: unknown): StrataError {
  return new StrataError('LOCK_TIMEOUT', {
    message: `${quoteQualified(record.schema, record.name)}: a lock was not to be had in ${ladder.rungs.length} tries (${record.state})`,
    advice: 'Nothing is lost: the next run goes on. `pgstrata doctor` names transactions that are open for long.',
    cause,
  })
}
