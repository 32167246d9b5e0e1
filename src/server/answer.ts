// One request to one route: admitted, checked, audited where it changes something, carried out, and answered.
//
// Promises: what is not admitted has touched nothing; a management call is written into the audit before it is carried out,
// and what came of it afterwards, so one that could not be written down is refused. Who asks after a management call was answered sees
// what it did. Answers that may be kept have an ETag.
// What fails is thrown, and becomes an answer in plugin.ts.

import { createHash } from 'node:crypto'
import { StrataError } from '../base/errors.ts'
import type { Logger } from '../base/logger.ts'
import type { Access, Actor } from './access.ts'
import { invalidValue, toStrataError } from './errors.ts'
import type { JsonRoute, Route, RouteRequest, RouteTools, TextRoute } from './route.ts'
import type { ObjectShape } from './shape.ts'

/** What is needed of a request, whichever framework and protocol it came by. */
export interface Incoming {
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>
  readonly address: string
  readonly params: unknown
  readonly query: unknown
  readonly body: unknown
}

export interface Outgoing {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

export interface AnswerTools extends RouteTools {
  readonly access: Access
  readonly logger: Logger
}

export function admit(route: Route, { headers, address }: Incoming, access: Access): Actor {
  const host = headerOf(headers, ':authority') ?? headerOf(headers, 'host')
  const isForwarded = ['forwarded', 'x-forwarded-for', 'via'].some((name) => headers[name] !== undefined)
  return access.admit({
    level: route.access,
    authorization: headerOf(headers, 'authorization'),
    host,
    address,
    isForwarded,
  })
}

export async function answer(
  route: JsonRoute | TextRoute,
  incoming: Incoming,
  actor: Actor,
  tools: AnswerTools,
): Promise<Outgoing> {
  const request: RouteRequest<unknown, unknown, unknown> = {
    params: readTexts(route.params, incoming.params, 'path'),
    query: readTexts(route.query, incoming.query, 'query'),
    body: readBody(route, incoming.body),
    actor,
  }
  if (route.access === 'manage') return await audited(route, { incoming, request, tools })
  return await carryOut(route, { incoming, request, tools })
}

interface Exchange {
  readonly incoming: Incoming
  readonly request: RouteRequest<unknown, unknown, unknown>
  readonly tools: AnswerTools
}

async function audited(route: JsonRoute | TextRoute, exchange: Exchange): Promise<Outgoing> {
  const { incoming, request, tools } = exchange
  const { audit } = tools.sources
  const action = `${route.method} ${route.path}`
  const details = { ...(request.params as object), ...auditable(request.body) }
  const id = await audit.begin({ actor: request.actor.name, address: incoming.address, action, details })
  const note = async (outcome: string): Promise<void> => {
    await audit.end(id, outcome).catch(() => tools.logger.warn('An outcome could not be audited', { action, outcome }))
  }
  try {
    const outgoing = await carryOut(route, exchange).finally(() => tools.shared.forget())
    await note(outgoing.status < 400 ? 'done' : `answered ${outgoing.status}`)
    return outgoing
  } catch (error) {
    const shown = toStrataError(error, tools.logger, action)
    await note(`failed: ${shown.code}`)
    throw shown
  }
}

/** Names and flags; a statement and its parameters are not written down. */
function auditable(body: unknown): object {
  const entries = Object.entries(body ?? {}).filter(
    ([name, value]) => name !== 'sql' && name !== 'params' && ['string', 'number', 'boolean'].includes(typeof value),
  )
  return Object.fromEntries(entries)
}

async function carryOut(route: JsonRoute | TextRoute, { incoming, request, tools }: Exchange): Promise<Outgoing> {
  if (route.kind === 'text') {
    const body = await route.handle(request, tools)
    return { status: 200, headers: { 'content-type': route.contentType, 'cache-control': 'no-store' }, body }
  }
  const value = await route.handle(request, tools)
  const status = route.status?.(value) ?? 200
  const body = JSON.stringify(value)
  const headers = { 'content-type': 'application/json; charset=utf-8', 'cache-control': cacheControlOf(route) }
  if (route.cache === 'none' || status !== 200)
    return { status, headers: { ...headers, 'cache-control': 'no-store' }, body }
  const etag = `"${createHash('sha256').update(body).digest('base64url').slice(0, 22)}"`
  const isKnown = headerOf(incoming.headers, 'if-none-match')
    ?.split(',')
    .some((one) => one.trim().replace(/^W\//, '') === etag)
  return { status: isKnown === true ? 304 : 200, headers: { ...headers, etag }, body: isKnown === true ? '' : body }
}

function cacheControlOf({ cache, access }: JsonRoute): string {
  if (typeof cache !== 'number') return 'private, no-cache'
  return `${access === 'open' ? 'public' : 'private'}, max-age=${cache}`
}

/** Of a URL all is text; a parameter that came twice is none. */
function readTexts(shape: ObjectShape<unknown> | undefined, given: unknown, path: string): unknown {
  const entries = Object.entries((given ?? {}) as Readonly<Record<string, unknown>>)
  const read = entries.map(([name, value]) => {
    const field = shape !== undefined && Object.hasOwn(shape.fields, name) ? shape.fields[name] : undefined
    return [name, field === undefined || typeof value !== 'string' ? value : field.fromText(value)] as const
  })
  return checked(shape, Object.fromEntries(read), path)
}

/** No body is an empty one. */
function readBody(route: Route, given: unknown): unknown {
  if (route.body === undefined) return undefined
  return checked(route.body, given ?? {}, 'body')
}

function checked(shape: ObjectShape<unknown> | undefined, value: unknown, path: string): unknown {
  if (shape === undefined) return value
  const problem = shape.check(value, path)
  if (problem !== undefined) throw invalidValue(problem)
  return value
}

function headerOf(headers: Incoming['headers'], name: string): string | undefined {
  const value = headers[name]
  return typeof value === 'string' ? value : value?.[0]
}

/** For what is refused with a wait. */
export function errorHeaders(error: StrataError): Readonly<Record<string, string>> {
  const { retryAfterSeconds } = error.details
  return {
    'cache-control': 'no-store',
    ...(error.status === 401 ? { 'www-authenticate': 'Bearer realm="pgstrata"' } : {}),
    ...(typeof retryAfterSeconds === 'number' ? { 'retry-after': String(retryAfterSeconds) } : {}),
  }
}
