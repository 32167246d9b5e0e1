// What an application is told when a row fits no partition: the server's 23514 without the name of a constraint, which a
// CHECK would have. `outside: 'refuse'` is that refusal.

import { StrataError } from '../base/errors.ts'
import { quoteQualified } from '../sql/quote.ts'
import { sqlstate, sqlstateOf } from '../sql/sqlstate.ts'

/** An error of a statement as PARTITION_OUTSIDE, if that is what it is; else as it was. */
export function explainOutside(error: unknown): unknown {
  if (sqlstateOf(error) !== sqlstate.checkViolation) return error
  const { constraint, schema, table } = error as { constraint?: unknown; schema?: unknown; table?: unknown }
  if (constraint !== undefined || typeof schema !== 'string' || typeof table !== 'string') return error
  // The server's own message has the row's key in its detail, which is left out here.
  return new StrataError('PARTITION_OUTSIDE', {
    message: `No partition of ${quoteQualified(schema, table)} takes a row`,
    details: { schema, table },
    cause: error,
  })
}
