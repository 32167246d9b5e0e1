// What a failed statement leaves us with, made fit to be thrown: without the values of its parameters, and with a wrong
// number of parameters said plainly (the server calls that a violation of the protocol, as it does a broken connection).

import { StrataError } from '../../base/errors.ts'
import { sqlstate, sqlstateOf } from '../../sql/sqlstate.ts'
import { redactValues } from '../redact.ts'
import { isStalePrepared } from '../pool/statement/prepared.ts'

const shownFields = ['message', 'detail', 'where', 'hint', 'internalQuery'] as const

/** The error to throw for a statement with these values. */
export function toFailure(error: unknown, values: readonly unknown[]): unknown {
  const counted = wrongParameterCount(error)
  if (counted !== undefined) return counted
  if (!(error instanceof Error) || error instanceof StrataError || values.length === 0) return error
  hideFailingRow(error)
  const shown = shownText(error)
  const hits: string[] = []
  for (const value of values) collectShown(value, shown, hits)
  redactValues(error, hits)
  // The old stack begins with the old message.
  Error.captureStackTrace(error, toFailure)
  return error
}

/**
 * The same where the values are rows that nobody keeps: what the server quotes of them follows its forms, and goes.
 * `names` are those of the table and its columns, which stay.
 */
export function toBulkFailure(error: unknown, names: ReadonlySet<string>): unknown {
  if (!(error instanceof Error) || error instanceof StrataError) return error
  hideFailingRow(error)
  const fields = error as unknown as Record<string, unknown>
  const { where, detail } = fields
  if (typeof where === 'string') fields['where'] = /^COPY [^\n]*?, line \d+(?:, column [^:\n]*)?/.exec(where)?.[0]
  if (typeof detail === 'string')
    fields['detail'] = detail.replaceAll(/\)=\([\s\S]*\)/g, ')=(…)').replaceAll(/"[^"]*"/g, '"…"')
  // Class 22: data that is not what its type asks for. Other classes quote names.
  if (sqlstateOf(error)?.startsWith('22') === true) {
    error.message = error.message.replaceAll(/"([\s\S]*)"/g, (whole, inner: string) =>
      names.has(inner) ? whole : '"…"',
    )
  }
  Error.captureStackTrace(error, toBulkFailure)
  return error
}

/** The server chose this transaction to lose: run again, whole, it may succeed. */
export function isLostRace(error: unknown): boolean {
  const state = sqlstateOf(error)
  return state === sqlstate.serializationFailure || state === sqlstate.deadlockDetected || isStalePrepared(error)
}

export function wrongParameters(expected: string, got: string, cause?: unknown): StrataError {
  return new StrataError('VALUE_INVALID', {
    message: 'The statement has another number of parameters',
    expected,
    got,
    advice: 'Write statements with the sql tag: it counts by itself.',
    cause,
  })
}

function wrongParameterCount(error: unknown): StrataError | undefined {
  const state = sqlstateOf(error)
  if (state === '42P02') return wrongParameters('a value for each $n of the text', 'fewer', error)
  if (state !== '08P01') return undefined
  const [, got, expected] =
    /supplies (\d+) parameters, but prepared statement "[^"]*" requires (\d+)/.exec((error as Error).message) ?? []
  return got === undefined || expected === undefined ? undefined : wrongParameters(expected, got, error)
}

/** 'Failing row contains (…)' holds values that nobody passed, too. */
function hideFailingRow(error: Error): void {
  const fields = error as unknown as Record<string, unknown>
  const { detail } = fields
  if (typeof detail === 'string' && detail.startsWith('Failing row contains')) fields['detail'] = undefined
}

function shownText(error: Error): string {
  const fields = error as unknown as Record<string, unknown>
  return shownFields.map((name) => (typeof fields[name] === 'string' ? fields[name] : '')).join('\n')
}

/** Only what shows is looked at further: there may be a hundred thousand values. */
function collectShown(value: unknown, shown: string, hits: string[]): void {
  if (value === null || value === undefined || value === '' || ArrayBuffer.isView(value)) return
  if (typeof value === 'function' || typeof value === 'symbol') return
  if (Array.isArray(value)) {
    for (const item of value) collectShown(item, shown, hits)
    return
  }
  if (value instanceof Date) {
    const text = Number.isNaN(value.getTime()) ? '' : value.toISOString()
    if (text !== '' && shown.includes(text)) hits.push(text)
    return
  }
  if (typeof value === 'object') {
    for (const item of Object.values(value)) collectShown(item, shown, hits)
    return
  }
  const text = `${value as string | number | bigint | boolean}`
  if (shown.includes(text)) hits.push(text)
}
