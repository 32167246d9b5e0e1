// A statement of a script failed. Inside this folder only: whoever runs a script turns it into the error of its own
// with `explainFailure`, which knows the place in the file and what the SQLSTATE means to a person.

import { messageOf, StrataError } from '../base/errors.ts'
import type { ErrorCode } from '../base/error-table.ts'
import type { ParsedStatement } from '../sql/parse.ts'
import { errorCodeOf, translateError } from '../db/translate.ts'
import { sqlstateOf } from '../sql/sqlstate.ts'
import { firstLine } from './classify.ts'

export class StatementFailure extends Error {
  readonly statement: ParsedStatement
  /** Counted from 0 over the whole script. */
  readonly number: number
  readonly phase: 'statement' | 'commit'

  constructor(statement: ParsedStatement, number: number, cause: unknown, phase: 'statement' | 'commit') {
    super(messageOf(cause), { cause })
    this.statement = statement
    this.number = number
    this.phase = phase
  }
}

export interface FailurePlace {
  /** Code for a failure that has no more exact one. */
  readonly code: ErrorCode
  /** The file or step, as a person knows it. */
  readonly name: string
  /** Who held the lock, where that was seen. */
  readonly blockers?: readonly string[]
}

/** The one error a person sees for a failed statement: what, where, why, what to do. */
export function explainFailure(error: unknown, place: FailurePlace): unknown {
  if (!(error instanceof StatementFailure)) return translateError(error, place.name)
  const { cause, statement } = error
  const line = lineOf(error)
  const code = errorCodeOf(cause) ?? place.code
  return new StrataError(code, {
    message: `${place.name}:${line}: ${publicMessage(cause)}${error.phase === 'commit' ? ' (at commit)' : ''}`,
    notes: [publicText(statement), ...serverNotes(cause), ...(code === 'LOCK_TIMEOUT' ? (place.blockers ?? []) : [])],
    details: { file: place.name, line, statement: error.number + 1, sqlstate: sqlstateOf(cause) },
    cause,
  })
}

/** Data exceptions quote a value of a row ('invalid input syntax for type integer: "…"'). */
function publicMessage(cause: unknown): string {
  const message = messageOf(cause)
  return sqlstateOf(cause)?.startsWith('22') === true ? message.replaceAll(/"[^"]*"/g, '"…"') : message
}

/** Statements that may carry a password are known by their kind alone. */
const secretKinds =
  /^(Create|Alter)(Role|RoleSet|Subscription|UserMapping|ForeignServer|Fdw)Stmt$|^(DefineStmt|CopyStmt|AlterSystemStmt)$/

function publicText(statement: ParsedStatement): string {
  if (!secretKinds.test(statement.kind)) return firstLine(statement.text)
  return `${statement.text.split(/\s+/).slice(0, 3).join(' ')} …`
}

/** The line of the token the server points at, else of the statement. */
function lineOf(failure: StatementFailure): number {
  const position = Number((failure.cause as { position?: string } | null)?.position ?? 1)
  // The server counts characters, not UTF-16 units.
  const before = Array.from(failure.statement.text)
    .slice(0, Math.max(0, position - 1))
    .join('')
  return failure.statement.line + before.split('\n').length - 1
}

/** DETAIL can quote a row ("Key (email)=(…) already exists"), so only the hint of the server is passed on. */
function serverNotes(cause: unknown): string[] {
  const hint = (cause as { hint?: unknown } | null)?.hint
  return typeof hint === 'string' && hint !== '' ? [`hint: ${hint}`] : []
}
