// Whether an error means that the connection is gone. What a statement raised in class 08 (a wrong count of parameters, a
// foreign server that cannot be reached) left the connection as it was; a pooler that cuts a client says FATAL with it.

import { isConnectionLost, sqlstateOf } from '../../../sql/sqlstate.ts'

export function losesConnection(error: unknown): boolean {
  if (sqlstateOf(error)?.startsWith('08') !== true) return isConnectionLost(error)
  return (error as { severity?: unknown }).severity === 'FATAL'
}

/** Limits of a session that it ran into by itself: they say nothing against the server. */
const ownLimits: ReadonlySet<string> = new Set(['25P03', '25P04', '57P05'])

export function ranIntoLimit(error: unknown): boolean {
  return ownLimits.has(sqlstateOf(error) ?? '')
}

const unreachableCodes: ReadonlySet<string> = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ETIMEDOUT',
  'ENOENT',
  'NODE_REFUSED',
  // Starting up, shutting down.
  '57P03',
])

/** A connection could not be made, for a reason that concerns every other one as well. */
export function isUnreachable(error: unknown): boolean {
  return unreachableCodes.has(String((error as { code?: unknown } | null)?.code))
}
