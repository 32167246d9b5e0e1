// What a client is told when a request fails: { error: { code, message, details? } } with a status that fits.
//
// Promises: the message says what was expected and repeats no value of the request, and nothing that the database said: its
// messages can hold values. What nobody expected is told to the log by its kind, which may be that of its cause, and the place where it
// was thrown, without a message.

import { StrataError } from 'pgstrata'

export interface ErrorAnswer {
  readonly error: {
    readonly code: string
    readonly message: string
    readonly details?: Readonly<Record<string, unknown>>
  }
}

export interface HttpErrorParticulars {
  readonly status: number
  readonly code: string
  readonly message: string
  readonly details?: Readonly<Record<string, unknown>>
  readonly retryAfterSeconds?: number
  readonly cause?: unknown
}

/** Thrown by a route, it becomes the answer. */
export class HttpError extends Error {
  override readonly name = 'HttpError'
  readonly statusCode: number
  readonly code: string
  readonly details: Readonly<Record<string, unknown>> | undefined
  readonly retryAfterSeconds: number | undefined

  constructor({ status, code, message, details, retryAfterSeconds, cause }: HttpErrorParticulars) {
    super(message, cause === undefined ? undefined : { cause })
    this.statusCode = status
    this.code = code
    this.details = details
    this.retryAfterSeconds = retryAfterSeconds
  }

  toJSON(): ErrorAnswer {
    const { code, message, details } = this
    return { error: { code, message, ...(details === undefined ? {} : { details }) } }
  }
}

/** `where`: 'query.limit'. `expected`: 'a whole number from 1 to 100'. */
export function badInput(given: { readonly where: string; readonly expected: string }): HttpError {
  const message = `${given.where}: expected ${given.expected}`
  return new HttpError({ status: 400, code: 'BAD_INPUT', message, details: given })
}

export function unauthorized(message: string): HttpError {
  return new HttpError({ status: 401, code: 'UNAUTHORIZED', message })
}

export function forbidden(message: string): HttpError {
  return new HttpError({ status: 403, code: 'FORBIDDEN', message })
}

/** `what`: 'song'. */
export function notFound(what: string): HttpError {
  return new HttpError({ status: 404, code: 'NOT_FOUND', message: `There is no such ${what}` })
}

export function conflict(message: string, details?: Readonly<Record<string, unknown>>): HttpError {
  return new HttpError({ status: 409, code: 'CONFLICT', message, ...(details === undefined ? {} : { details }) })
}

export function unavailable(
  message: string,
  options: { readonly retryAfterSeconds?: number; readonly cause?: unknown } = {},
): HttpError {
  const { retryAfterSeconds = 2, cause } = options
  return new HttpError({ status: 503, code: 'UNAVAILABLE', message, retryAfterSeconds, cause })
}

/** `log` is told of what nobody expected. */
export function toHttpError(given: unknown, log: (line: string) => void): HttpError {
  const error = unwrap(given)
  if (error instanceof HttpError) return error
  // A status within a cause is what somebody else answered to us, and no word about this request.
  const refusal = ofDatabase(error) ?? ofFastify(given)
  if (refusal !== undefined) return refusal
  if (error instanceof StrataError && error.status < 500) {
    return new HttpError({ status: error.status, code: error.code, message: error.message, cause: error })
  }
  log(placeOf(error, given))
  return new HttpError({ status: 500, code: 'INTERNAL', message: 'Something failed', cause: error })
}

const deepestCause = 4

/** What the driver said, where a library above it has put that into an error of its own that tells no code. */
function unwrap(given: unknown): unknown {
  let error = given
  for (let depth = 0; depth < deepestCause && error instanceof Error; depth++) {
    const isTelling = codeOf(error) !== '' || 'statusCode' in error
    if (isTelling || !(error.cause instanceof Error)) return error
    error = error.cause
  }
  return error
}

/** Systems of connections that failed, and SQLSTATEs: connection lost, server going or coming, no connection free. */
const away =
  /^(E(CONNREFUSED|CONNRESET|PIPE|HOSTUNREACH|NETUNREACH|TIMEDOUT|AI_AGAIN|NOTFOUND)|08\w{3}|57P0[1-5]|53300)$/
/** The driver gives these no code. */
const lost = /^(Connection terminated|Client has encountered a connection error)/
const busyCodes: ReadonlySet<string> = new Set(['POOL_FULL', 'POOL_TIMEOUT', 'QUERY_TIMEOUT', '57014', '55P03'])

function ofDatabase(given: unknown): HttpError | undefined {
  const code = codeOf(given)
  if (busyCodes.has(code)) return unavailable('The database is busy', { cause: given })
  if (given instanceof StrataError) {
    return given.status === 503 ? unavailable('The database cannot be reached', { cause: given }) : undefined
  }
  const isAway = away.test(code) || (code === '' && given instanceof Error && lost.test(given.message))
  return isAway ? unavailable('The database cannot be reached', { cause: given }) : undefined
}

interface SchemaFault {
  readonly instancePath: string
  readonly keyword: string
  readonly message?: string
  readonly params: Readonly<Record<string, unknown>>
}

interface FastifyRefusal {
  readonly statusCode?: unknown
  readonly validation?: readonly SchemaFault[]
  readonly validationContext?: string
}

const codeOfStatus: Readonly<Record<number, readonly [code: string, message: string]>> = {
  404: ['NOT_FOUND', 'There is nothing under that path'],
  405: ['METHOD_NOT_ALLOWED', 'The path does not take that method'],
  408: ['TIMEOUT', 'The request did not arrive in time'],
  413: ['BODY_TOO_LARGE', 'The body is too large'],
  414: ['URL_TOO_LONG', 'The URL is too long'],
  415: ['NOT_JSON', 'The body: expected JSON, with content-type application/json'],
  431: ['HEADERS_TOO_LARGE', 'The headers are too large'],
}

/** What Fastify refuses by itself: by a schema, a limit, or because it cannot be read. */
function ofFastify(given: unknown): HttpError | undefined {
  const { statusCode, validation, validationContext = 'request' } = (given ?? {}) as FastifyRefusal
  const [fault] = validation ?? []
  if (fault !== undefined) {
    const context = validationContext === 'querystring' ? 'query' : validationContext
    return badInput({ where: `${context}${fault.instancePath.replaceAll('/', '.')}`, expected: expectedBy(fault) })
  }
  if (typeof statusCode !== 'number' || statusCode < 400 || statusCode >= 500) return undefined
  const [code, message] = codeOfStatus[statusCode] ?? ['BAD_INPUT', 'The request cannot be understood']
  return new HttpError({ status: statusCode, code, message, cause: given })
}

function expectedBy({ keyword, params, message = '' }: SchemaFault): string {
  const listed = params['allowedValues']
  if (keyword === 'enum' && Array.isArray(listed)) return `one of ${listed.join(', ')}`
  if (keyword === 'type') return withArticle(String(params['type']))
  if (keyword === 'required') return `${String(params['missingProperty'])} to be there`
  if (keyword === 'additionalProperties') return 'nothing but what this path knows'
  return message.replace(/^must (be )?/, '')
}

function codeOf(given: unknown): string {
  const { code, errors } = (given ?? {}) as { readonly code?: unknown; readonly errors?: unknown }
  if (typeof code === 'string') return code
  return Array.isArray(errors) && errors.length > 0 ? codeOf(errors[0]) : ''
}

function placeOf(error: unknown, thrown: unknown): string {
  if (!(error instanceof Error) || !(thrown instanceof Error))
    return `A request failed: thrown was ${typeof error}, expected an Error`
  const kind = error instanceof StrataError ? `${error.code} ${error.message}` : `${error.name} ${codeOf(error)}`.trim()
  return [`A request failed: ${kind}`, ...framesOf(thrown).slice(0, 6)].join('\n')
}

/** Behind the message, lines of which may look like frames. */
function framesOf({ stack = '', message }: Error): readonly string[] {
  const at = stack.indexOf(message)
  const lines = at < 0 ? [] : stack.slice(at + message.length).split('\n')
  return lines.filter((line) => /^\s+at /.test(line))
}

function withArticle(noun: string): string {
  return `${/^[aeiou]/.test(noun) ? 'an' : 'a'} ${noun}`
}
