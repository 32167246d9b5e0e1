// One error class for everything that leaves this package. A message says what was expected, what was got
// and what to do; it never carries a parameter value, a password or a row.

import { errorTable, type ErrorCode } from './error-table.ts'

export interface ErrorParticulars {
  /** What happened, in one sentence. */
  readonly message: string
  readonly expected?: string | undefined
  readonly got?: string | undefined
  /** More exact than the table's advice. */
  readonly advice?: string | undefined
  /** Lines shown below the message: a diff, a list, a place in a file. */
  readonly notes?: readonly string[] | undefined
  /** The same facts for programs (`--json`). */
  readonly details?: Readonly<Record<string, unknown>> | undefined
  readonly cause?: unknown
}

export class StrataError extends Error {
  override readonly name = 'StrataError'
  readonly code: ErrorCode
  readonly advice: string
  readonly notes: readonly string[]
  readonly details: Readonly<Record<string, unknown>>
  readonly exitCode: number
  readonly status: number

  constructor(code: ErrorCode, particulars: ErrorParticulars) {
    super(composeMessage(particulars), particulars.cause === undefined ? undefined : { cause: particulars.cause })
    const entry = errorTable[code]
    this.code = code
    this.advice = particulars.advice ?? entry.advice
    this.notes = particulars.notes ?? []
    this.details = particulars.details ?? {}
    this.exitCode = entry.exit
    this.status = entry.status
  }

  toJSON(): Record<string, unknown> {
    return {
      code: this.code,
      message: this.message,
      advice: this.advice,
      ...(this.notes.length > 0 ? { notes: this.notes } : {}),
      ...(Object.keys(this.details).length > 0 ? { details: this.details } : {}),
    }
  }
}

function composeMessage(particulars: ErrorParticulars): string {
  const facts = [
    particulars.expected === undefined ? '' : `expected ${particulars.expected}`,
    particulars.got === undefined ? '' : `got ${particulars.got}`,
  ].filter((fact) => fact !== '')
  return facts.length === 0 ? particulars.message : `${particulars.message}: ${facts.join(', ')}`
}

export function isStrataError(error: unknown, code?: ErrorCode): error is StrataError {
  return error instanceof StrataError && (code === undefined || error.code === code)
}

/** For what the code holds to be impossible. */
export function assert(condition: unknown, message: string): asserts condition {
  if (!condition) throw new StrataError('INTERNAL', { message })
}

export function messageOf(error: unknown): string {
  if (error instanceof AggregateError && error.message === '') {
    return error.errors.map(messageOf).join('; ')
  }
  return error instanceof Error ? error.message : String(error)
}
