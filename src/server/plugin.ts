// All routes as a plugin of Fastify 5: mounted into somebody's app under a prefix, or alone in server.ts.
//
// Promises: who is not admitted is refused before a byte of the body is read; every answer and every refusal of these paths is
// JSON in one shape, but for metrics and streams; a client that does not take its answer within 30 s is put out.
// When the app closes: what comes is refused with 503, streams are told to go, what is under way is finished.
// State: the health that is kept, streams that are open, wrong tokens by address.

import type { Clock } from '../base/clock.ts'
import { answerOf } from '../base/error-answer.ts'
import { StrataError } from '../base/errors.ts'
import type { Logger } from '../base/logger.ts'
import type { ServerSettings } from '../config/server.ts'
import { createAccess, type Actor } from './access.ts'
import { admit, answer, errorHeaders, type AnswerTools, type Outgoing } from './answer.ts'
import { toStrataError } from './errors.ts'
import type { FastifyStrataPlugin, InstanceShape, ReplyShape, RequestShape } from './fastify-shape.ts'
import { HealthKeeper } from './health-keeper.ts'
import { createOpenApi } from './openapi.ts'
import { createPathIndex } from './path-index.ts'
import { jsonRoute, type Route } from './route.ts'
import { allRoutes } from './routes/all.ts'
import { anything } from './shape.ts'
import { createShared } from './shared.ts'
import type { Sources } from './sources.ts'
import { Streams } from './streams.ts'

export interface PluginOptions {
  readonly sources: Sources
  readonly tokens: ServerSettings['tokens']
  readonly clock: Clock
  readonly logger: Logger
  /** There is nothing else in the app: unknown paths are refused here too. */
  readonly isAlone: boolean
}

const mostBodyBytes = 65_536
const longestUrl = 8_000
const takeMs = 30_000

export function createPlugin(options: PluginOptions): FastifyStrataPlugin {
  return (instance, _, done) => {
    try {
      mount(instance, options)
      done()
    } catch (error) {
      done(error as Error)
    }
  }
}

function mount(instance: InstanceShape, options: PluginOptions): void {
  const { sources, tokens, clock, logger, isAlone } = options
  const health = new HealthKeeper(sources.health, { clock, logger })
  const access = createAccess(tokens, clock)
  const tools: AnswerTools = { sources, health, clock, shared: createShared(clock), access, logger }
  const streams = new Streams(sources.live)
  const routes = [...allRoutes, openApiRoute(sources.version, instance.prefix)]
  const paths = createPathIndex(routes)
  let isStopping = false
  const send = (request: RequestShape, reply: ReplyShape, { status, headers, body }: Outgoing): ReplyShape => {
    boundAnswer(reply, clock)
    // Or the connection would be kept for the next request, and the end of the server with it.
    const isLast = isStopping && request.raw.httpVersionMajor === 1
    return reply
      .code(status)
      .headers(isLast ? { ...headers, connection: 'close' } : headers)
      .send(body)
  }
  const fail = (given: unknown, request: RequestShape, reply: ReplyShape): ReplyShape => {
    const error = toStrataError(given, logger, request.method)
    const headers = { ...errorHeaders(error), 'content-type': 'application/json; charset=utf-8' }
    return send(request, reply, { status: error.status, headers, body: JSON.stringify(answerOf(error)) })
  }
  // Text would be taken for a body; only JSON is.
  instance.removeContentTypeParser('text/plain')
  instance.setErrorHandler(fail)
  if (isAlone || instance.prefix !== '') {
    instance.setNotFoundHandler((request, reply) => {
      const methods = paths.methodsOf(pathOf(request.url).slice(instance.prefix.length))
      if (methods !== undefined) reply.headers({ allow: methods.join(', ') })
      return fail(notFound(methods), request, reply)
    })
  }
  for (const route of routes) {
    const actors = new WeakMap<RequestShape, Actor>()
    instance.route({
      method: route.method,
      url: route.path,
      bodyLimit: mostBodyBytes,
      onRequest: async (request) => {
        if (isStopping) throw new StrataError('HTTP_STOPPING', { message: 'The server is about to stop' })
        if (request.url.length > longestUrl)
          throw new StrataError('HTTP_URL_TOO_LONG', { message: 'The URL is too long' })
        actors.set(request, admit(route, incomingOf(request), access))
      },
      handler: async (request, reply) => {
        if (route.kind === 'stream') return streams.open(request, reply)
        const actor = actors.get(request) as Actor
        return send(request, reply, await answer(route, incomingOf(request), actor, tools))
      },
    })
  }
  health.start()
  instance.addHook('preClose', async () => {
    isStopping = true
    streams.end()
  })
  instance.addHook('onClose', async () => health.close())
}

function openApiRoute(version: string, prefix: string): Route {
  return jsonRoute<unknown>({
    method: 'GET',
    path: '/openapi.json',
    group: 'metrics',
    summary: 'All of these as an OpenAPI 3.1 document.',
    access: 'open',
    cache: 300,
    answer: anything(),
    handle: () => createOpenApi(allRoutes, { version, prefix }),
  })
}

function incomingOf({ headers, ip, params, query, body }: RequestShape): Parameters<typeof answer>[1] {
  return { headers, address: ip, params, query, body }
}

function pathOf(url: string): string {
  return url.split('?')[0] ?? ''
}

function notFound(methods: readonly string[] | undefined): StrataError {
  if (methods === undefined) return new StrataError('HTTP_NOT_FOUND', { message: 'There is nothing under that path' })
  const expected = methods.join(' or ')
  return new StrataError('HTTP_METHOD', {
    message: 'The path does not take that method',
    expected,
    details: { expected },
  })
}

/** It begins to go out now. */
function boundAnswer({ raw }: ReplyShape, clock: Clock): void {
  const cancel = clock.after(takeMs, () => void raw.destroy())
  raw.once('close', cancel)
}
