// Every error as one of ours, which is then an answer with the status of the error table. What is not ours says only that something
// failed; its message may hold a value, so the log is told its kind and no more.

import type { ErrorAnswer } from '../base/error-answer.ts'
import { isStrataError, StrataError } from '../base/errors.ts'
import type { ErrorCode } from '../base/error-table.ts'
import type { Logger } from '../base/logger.ts'
import { translateError } from '../db/translate.ts'
import { sqlstate, sqlstateOf } from '../sql/sqlstate.ts'
import { object, optional, text, type Shape } from './shape.ts'

export const errorShape: Shape<ErrorAnswer> = object<ErrorAnswer>({
  error: object<ErrorAnswer['error']>({
    code: text(),
    message: text(),
    expected: optional(text()),
    got: optional(text()),
    advice: optional(text()),
  }),
})

/** What Fastify, and Node's parser below it, refuse by themselves, by the status they refuse it with. */
const codeOfStatus: Readonly<Record<number, ErrorCode>> = {
  404: 'HTTP_NOT_FOUND',
  405: 'HTTP_METHOD',
  408: 'HTTP_TIMEOUT',
  413: 'HTTP_BODY_TOO_LARGE',
  414: 'HTTP_URL_TOO_LONG',
  415: 'HTTP_MEDIA_TYPE',
  431: 'HTTP_HEADERS_TOO_LARGE',
}

const messageOfCode: Partial<Record<ErrorCode, string>> = {
  HTTP_MALFORMED: 'The request cannot be understood',
  HTTP_TIMEOUT: 'The request did not arrive in time',
  HTTP_BODY_TOO_LARGE: 'The body is too large',
  HTTP_URL_TOO_LONG: 'The URL is too long',
  HTTP_MEDIA_TYPE: 'The body is not JSON',
  HTTP_HEADERS_TOO_LARGE: 'The headers are too large',
}

/** By the status of somebody else's refusal. */
export function refusalOf(status: number): StrataError {
  const code = codeOfStatus[status] ?? 'HTTP_MALFORMED'
  return new StrataError(code, { message: messageOfCode[code] ?? 'The request was refused' })
}

export function toStrataError(given: unknown, logger: Logger, place: string): StrataError {
  const error = knownError(given)
  if (error !== undefined) return error
  const status = (given as { readonly statusCode?: unknown } | null | undefined)?.statusCode
  if (typeof status === 'number' && status >= 400 && status < 500) return refusalOf(status)
  logger.warn('A request failed', { place, kind: kindOf(given) })
  return new StrataError('INTERNAL', { message: 'Something failed', advice: 'The log of the server says where.' })
}

const notThere: ReadonlySet<string> = new Set([sqlstate.undefinedTable, sqlstate.undefinedSchema])

/** One of ours; of the server's, those that a person can do something about. Its own messages can hold values, so they stay here. */
export function knownError(given: unknown): StrataError | undefined {
  if (given instanceof StrataError) return given
  if (notThere.has(sqlstateOf(given) ?? '')) {
    return new StrataError('SCHEMA_OLDER', { message: 'Tables of schema "pgstrata" are not there', cause: given })
  }
  const error = translateError(given)
  if (!isStrataError(error)) return undefined
  return new StrataError(error.code, { message: 'The database refused or was lost', cause: given })
}

function kindOf(given: unknown): string {
  const { name, code } = (given ?? {}) as { readonly name?: unknown; readonly code?: unknown }
  return [name, code].filter((part) => typeof part === 'string').join(' ')
}

/** A value of a request that is not as it must be; the value is not repeated. */
export function invalidValue({ path, expected }: { readonly path: string; readonly expected: string }): StrataError {
  return new StrataError('VALUE_INVALID', {
    message: `${path === '' ? 'The request' : path} is not as it must be`,
    expected,
    details: { expected },
  })
}
