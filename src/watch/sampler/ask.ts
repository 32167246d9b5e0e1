// One probe, asked in a transaction that only reads: it may take `limitMs` a statement, and waits for no lock longer than a tenth of a
// second. Settings are of the transaction, so that a pooler in between hands on nothing of ours.
// On failure: the transaction is ended; that the connection is gone is thrown as it is.

import type { Session } from '../../db/db.ts'
import { sql } from '../../sql/sql.ts'
import { isConnectionLost, sqlstate, sqlstateOf } from '../../sql/sqlstate.ts'
import { isStrataError } from '../../base/errors.ts'
import { formatDuration } from '../../base/units.ts'
import type { NodeFacts, Reading, ServerProbe } from '../model/server-probe.ts'

const lockTimeoutMs = 100

export interface AskOptions {
  readonly facts: NodeFacts
  readonly signal: AbortSignal
}

export async function askProbe(session: Session, probe: ServerProbe, { facts, signal }: AskOptions): Promise<Reading> {
  // A plan of a few hundred tables can look dear enough to be compiled, which takes longer than to run it.
  await session.query(
    sql.raw(
      `begin transaction read only; set local statement_timeout = ${probe.limitMs}; set local lock_timeout = ${lockTimeoutMs}; set local jit = off; set local max_parallel_workers_per_gather = 0; set local search_path = pg_catalog`,
    ),
  )
  try {
    const reading = await probe.read({ on: session, facts, signal })
    await session.query(sql`commit`)
    return reading
  } catch (error) {
    if (!isGone(error)) await session.query(sql`rollback`)
    throw error
  }
}

export function isGone(error: unknown): boolean {
  return (
    isConnectionLost(error) || isStrataError(error, 'DATABASE_LOST') || isStrataError(error, 'DATABASE_UNREACHABLE')
  )
}

/** In words, and never the server's: those may show what a statement was given. */
export function describeProbeFailure(error: unknown, limitMs: number): string {
  const state = sqlstateOf(error)
  if (state === sqlstate.queryCanceled) return `it took longer than ${formatDuration(limitMs)}, and is asked less often`
  if (state === sqlstate.lockNotAvailable) return 'a lock was in the way, and it is asked less often'
  if (state === sqlstate.insufficientPrivilege) return 'the role may not read what it looks at: see docs/roles.md'
  if (isStrataError(error)) return error.message
  return state === undefined ? 'it could not be read' : `the server refused it (SQLSTATE ${state})`
}
