// The shape of a route: what it is called by, who may, what goes in and what comes out, and the work. Routes are data: the server,
// the OpenAPI document and docs/endpoints.md are made of the same list.

import type { Clock } from '../base/clock.ts'
import type { ErrorCode } from '../base/error-table.ts'
import { StrataError } from '../base/errors.ts'
import type { AccessLevel, Actor } from './access.ts'
import type { Health } from './contract/health.ts'
import type { Shared } from './shared.ts'
import type { ObjectShape, Shape } from './shape.ts'
import type { Sources } from './sources.ts'

export interface RouteTools {
  readonly sources: Sources
  readonly health: { read(): Promise<Health> }
  readonly clock: Clock
  /** For what costs the database something: asked once for all who ask at the same time. */
  readonly shared: Shared
}

export interface RouteRequest<Params, Query, Body> {
  readonly params: Params
  readonly query: Query
  readonly body: Body
  readonly actor: Actor
}

export type RouteGroup = 'health' | 'database' | 'metrics' | 'watch' | 'alerts' | 'upkeep' | 'live'

interface RouteHead {
  readonly method: 'GET' | 'POST' | 'DELETE'
  /** As Fastify writes it: '/api/jobs/:name/run'. */
  readonly path: string
  readonly group: RouteGroup
  /** One sentence. */
  readonly summary: string
  readonly access: AccessLevel
  /** 'revalidate': with an ETag; 'none': never kept; or seconds that anybody may keep it. */
  readonly cache: 'none' | 'revalidate' | number
  /** The configuration it needs: 'watch'. */
  readonly needs?: string
  /** 'nothing': it answers whether or not the database does. Default: it cannot without. */
  readonly asks?: 'database' | 'nothing'
  /** Codes of what only this route is refused or fails with. */
  readonly fails?: readonly ErrorCode[]
}

interface RouteShapes<Params, Query, Body> {
  readonly params?: ObjectShape<Params>
  readonly query?: ObjectShape<Query>
  readonly body?: ObjectShape<Body>
}

export interface JsonRoute<Params = unknown, Query = unknown, Body = unknown, Answer = unknown>
  extends RouteHead, RouteShapes<Params, Query, Body> {
  readonly kind: 'json'
  readonly answer: Shape<Answer>
  /** Default 200. */
  readonly status?: (answer: Answer) => number
  /** What else it answers with: statuses with what they mean. Default: 200 alone. */
  readonly statuses?: Readonly<Record<number, string>>
  handle(request: RouteRequest<Params, Query, Body>, tools: RouteTools): Promise<Answer> | Answer
}

export interface TextRoute extends RouteHead, RouteShapes<unknown, unknown, unknown> {
  readonly kind: 'text'
  readonly contentType: string
  handle(request: RouteRequest<unknown, unknown, unknown>, tools: RouteTools): Promise<string> | string
}

/** Live events: its answer goes past everything else. */
export interface StreamRoute extends RouteHead, RouteShapes<unknown, unknown, unknown> {
  readonly kind: 'stream'
}

export type Route = JsonRoute | TextRoute | StreamRoute

/** Checked as what it is declared to be, kept as one of many. */
export function jsonRoute<Answer, Params = unknown, Query = unknown, Body = unknown>(
  route: Omit<JsonRoute<Params, Query, Body, Answer>, 'kind'>,
): Route {
  return { kind: 'json', ...route } as unknown as JsonRoute
}

export function textRoute(route: Omit<TextRoute, 'kind'>): Route {
  return { kind: 'text', ...route }
}

export function streamRoute(route: Omit<StreamRoute, 'kind'>): Route {
  return { kind: 'stream', ...route }
}

/** What is there, or the refusal that says what to declare. */
export function required<T>(part: T | undefined, declare: string): T {
  if (part !== undefined) return part
  throw new StrataError('HTTP_NOT_CONFIGURED', {
    message: 'That is not configured here',
    advice: `Declare \`${declare}\` in the configuration.`,
  })
}
