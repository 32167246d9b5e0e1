// Why a refresh failed, in words that quote no row.

import { messageOf } from '../base/errors.ts'
import { sqlstate, sqlstateOf } from '../sql/sqlstate.ts'

export function explainRefresh(error: unknown): string {
  const state = sqlstateOf(error)
  if (state === sqlstate.cardinalityViolation || state === sqlstate.uniqueViolation) {
    return 'two of its rows are the same in the columns of its unique index: declare others under `unique`, or mend its sql'
  }
  if (state === sqlstate.lockNotAvailable) return 'its lock was not to be had in time'
  // A message of class 22 or 23 can quote a value.
  return state !== undefined && /^2[23]/.test(state)
    ? `the server refused a value (SQLSTATE ${state})`
    : messageOf(error)
}
