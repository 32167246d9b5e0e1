// How the jobs that keep partitions work on one table: a session made ready for structural work, under the table's lock,
// cancelled on the server when its time is over, and put right again afterwards.
//
// What must be true: the lock is held on the session that works, and nobody waits for it; LOCK_BUSY says that somebody else is
// at it. On failure the lock and the session's settings go all the same.

import type { Clock } from '../base/clock.ts'
import { isStrataError, messageOf } from '../base/errors.ts'
import type { Random } from '../base/random.ts'
import { withAdvisoryLock } from '../db/advisory-lock.ts'
import type { Db, Queryable, Session } from '../db/db.ts'
import { withWorkSession, type LadderOptions } from '../plan/index.ts'
import { isConnectionLost, sqlstateOf } from '../sql/sqlstate.ts'
import { tableLockKey } from './table-lock.ts'

export interface TableWorkOptions {
  readonly db: Db
  readonly ladder: LadderOptions
  readonly clock: Clock
  readonly random: Random
  readonly signal?: AbortSignal | undefined
  readonly confirm?: ((tx: Queryable) => Promise<void>) | undefined
  /** Now, where it is not the database's. */
  readonly at?: Date | undefined
  /** After each commit, for tests: the moments a kill may come. */
  readonly onCommit?: ((what: string) => Promise<void> | void) | undefined
}

export async function workOnTable<T>(
  options: TableWorkOptions,
  table: { readonly key: string; readonly oid: number },
  work: (session: Session) => Promise<T>,
): Promise<T> {
  const { db, clock, random, signal } = options
  const lock = { key: tableLockKey(table.oid), purpose: `partitions of ${table.key}`, waitMs: 0 }
  return await withWorkSession({ db, signal }, (session) =>
    withAdvisoryLock(session, { ...lock, clock, random, signal }, () => work(session)),
  )
}

/** A server's message of class 22 or 23 can quote a row. */
export function publicMessage(error: unknown): string {
  const state = sqlstateOf(error)
  return state !== undefined && /^2[23]/.test(state) ? `SQLSTATE ${state}` : messageOf(error)
}

/** What the next table, or the next partition, would only run into again. */
export function endsTheRun(error: unknown): boolean {
  return isConnectionLost(error) || isStrataError(error, 'INTERRUPTED') || isStrataError(error, 'LEASE_LOST')
}
