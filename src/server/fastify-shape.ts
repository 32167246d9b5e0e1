// What of Fastify 5 the routes need, by shape alone: they are mounted into an app of whichever copy of it there is, over HTTP/1.1 or
// HTTP/2, and nobody needs the package for that.

import type { LiveRequest, LiveResponse } from '../http/live.ts'

export interface RequestShape {
  readonly method: string
  readonly url: string
  readonly ip: string
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>
  readonly params: unknown
  readonly query: unknown
  readonly body: unknown
  readonly raw: LiveRequest
}

export interface ReplyShape {
  readonly raw: LiveResponse
  code(status: number): ReplyShape
  headers(values: Readonly<Record<string, string>>): ReplyShape
  send(body: string): ReplyShape
  hijack(): unknown
  getHeaders(): Readonly<Record<string, number | string | readonly string[] | undefined>>
}

interface RouteOptionsShape {
  readonly method: string
  readonly url: string
  readonly bodyLimit: number
  readonly onRequest: (request: RequestShape, reply: ReplyShape) => Promise<void>
  readonly handler: (request: RequestShape, reply: ReplyShape) => Promise<unknown>
}

/** What the plugin needs of an instance. */
export interface InstanceShape {
  readonly prefix: string
  route(options: RouteOptionsShape): unknown
  addHook(name: 'preClose', hook: () => Promise<void>): unknown
  addHook(name: 'onClose', hook: () => Promise<void>): unknown
  removeContentTypeParser(type: string): unknown
  setErrorHandler(handler: (error: unknown, request: RequestShape, reply: ReplyShape) => unknown): unknown
  setNotFoundHandler(handler: (request: RequestShape, reply: ReplyShape) => unknown): unknown
}

export type FastifyStrataPlugin = (instance: InstanceShape, options: unknown, done: (error?: Error) => void) => void
