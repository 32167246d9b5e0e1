// An error of the server as the one error of ours, by its SQLSTATE: what a person can do about it is in the table.

import { messageOf, StrataError } from '../base/errors.ts'
import type { ErrorCode } from '../base/error-table.ts'
import { isConnectionLost, sqlstate, sqlstateOf } from '../sql/sqlstate.ts'

const codeOf: Readonly<Record<string, ErrorCode>> = {
  [sqlstate.lockNotAvailable]: 'LOCK_TIMEOUT',
  [sqlstate.diskFull]: 'DATABASE_FULL',
  [sqlstate.insufficientPrivilege]: 'DATABASE_PRIVILEGE',
  [sqlstate.readOnlyTransaction]: 'DATABASE_READ_ONLY',
}

/** undefined: the error says nothing that the table has an entry for. */
export function errorCodeOf(error: unknown): ErrorCode | undefined {
  return isConnectionLost(error) ? 'DATABASE_LOST' : codeOf[sqlstateOf(error) ?? '']
}

/** The error itself where it is ours already, or says nothing we know. `place` goes before the message. */
export function translateError(error: unknown, place?: string): unknown {
  const code = error instanceof StrataError ? undefined : errorCodeOf(error)
  if (code === undefined) return error
  const message = place === undefined ? messageOf(error) : `${place}: ${messageOf(error)}`
  return new StrataError(code, { message, details: { sqlstate: sqlstateOf(error) }, cause: error })
}
