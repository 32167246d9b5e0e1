// Asking a server what checks want to know, so that it costs it little: one connection, one question at a time, each in a
// read-only transaction of its own with a statement_timeout, and all of them together bounded.
//
// What must be true: nothing is written, no lock is waited for for long, and search_path is pg_catalog alone, so that nothing of a user's is
// called by an unqualified name and names come out qualified. A question that fails is undone and says why; the next is asked
// all the same, until the connection is lost or time is up.

import type { Clock } from '../base/clock.ts'
import { messageOf } from '../base/errors.ts'
import { formatDuration } from '../base/units.ts'
import type { Db, Queryable, Session } from '../db/db.ts'
import { transaction } from '../db/transaction.ts'
import { isConnectionLost, sqlstate, sqlstateOf } from '../sql/sqlstate.ts'
import type { OtherNode } from './model.ts'

export interface AdviseNode {
  readonly name: string
  readonly db: Db
  /** As the configuration has it. */
  readonly isReplica: boolean
}

/** Of one statement. */
export const statementLimitMs = 5_000
/** Of all that is asked of a node. */
export const nodeLimitMs = 120_000

const settings = {
  statement_timeout: `${statementLimitMs}ms`,
  lock_timeout: '500ms',
  search_path: 'pg_catalog',
  datestyle: 'ISO',
  // Costs that a large catalog makes look dear are not worth compiling for.
  jit: 'off',
}

/**
 * One question in a transaction of its own, asked once. Where it went well it is committed: each rollback would count as one that the
 * application had, and what is read here is itself asked for how many there are.
 */
export async function askOnce<T>(session: Session, work: (on: Queryable) => Promise<T>): Promise<T> {
  return await transaction(session, work, { readOnly: true, settings, waitsMs: [] })
}

export function asOther({ name, db, isReplica }: AdviseNode): OtherNode {
  return {
    name,
    isReplica,
    ask: async <Row extends object>(statement: Parameters<Queryable['query']>[0]) =>
      await db.withSession(async (session) => {
        const { rows } = await askOnce(session, async (on) => await on.query<Row>(statement))
        return rows
      }),
  }
}

/** Why a question was not answered, as a clause: 'because …'. */
export function reasonOf(error: unknown): string {
  if (isConnectionLost(error)) return 'because the connection was lost'
  const state = sqlstateOf(error)
  if (state === sqlstate.queryCanceled) return `because it took longer than ${formatDuration(statementLimitMs)}`
  if (state === sqlstate.lockNotAvailable) return 'because something it reads is locked'
  if (state === sqlstate.insufficientPrivilege)
    return `because the role may not (${messageOf(error)}): grant pg_monitor to it`
  return `because it failed: ${messageOf(error)}`
}

/** Tells when all of a node's time is up. */
export function startDeadline(clock: Clock): () => boolean {
  const endMs = clock.monotonic() + nodeLimitMs
  return () => clock.monotonic() >= endMs
}
