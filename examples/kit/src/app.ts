// A Fastify app as the services want it.
//
// Promises: every answer of a route is JSON, and so is every refusal, in one shape. A GET has a weak ETag and answers 304 to who has
// that already. Bodies, URLs and the time a request may take to arrive are bounded. `close()` ends listening at once, lets what
// is under way finish within its grace, then ends it; whoever keeps streams open ends those before (`live.stop()`).
// Values of a request are in no message and no log.

import cluster from 'node:cluster'
import fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify'
import { matchesEtag, weakEtag } from './etag.ts'
import { toHttpError, unavailable } from './http-error.ts'
import { workerHeader } from './worker-header.ts'

export type App = FastifyInstance

export interface AppOptions {
  /** Whether it can serve, asked by GET /health/ready; an error counts as no. Default: it can. */
  readonly ready?: () => boolean | Promise<boolean>
  /** false: somebody else answers /health/live and /health/ready. */
  readonly health?: boolean
  /** Addresses of reverse proxies, or networks of them; X-Forwarded-For counts from these alone. Default: from nobody. */
  readonly proxies?: readonly string[]
  /** Default: 64 kB. */
  readonly bodyLimitBytes?: number
  /** How long a request may take to arrive. Default: 10 s. */
  readonly requestTimeoutMs?: number
  /** How long `close` waits for what is under way. Default: 5 s. */
  readonly graceMs?: number
  /** Is told of what nobody expected. Default: standard error. */
  readonly log?: (line: string) => void
}

const json = 'application/json; charset=utf-8'

export function createApp(options: AppOptions = {}): App {
  const { bodyLimitBytes = 65_536, requestTimeoutMs = 10_000, graceMs = 5_000, health = true, proxies = [] } = options
  const log = options.log ?? ((line) => void process.stderr.write(`${line}\n`))
  const fail = (error: unknown, reply: FastifyReply): FastifyReply => {
    const refusal = toHttpError(error, log)
    if (refusal.retryAfterSeconds !== undefined) void reply.header('retry-after', String(refusal.retryAfterSeconds))
    return reply
      .code(refusal.statusCode)
      .headers({ 'content-type': json, 'cache-control': 'no-store' })
      .send(JSON.stringify(refusal))
  }
  const app = fastify({
    bodyLimit: bodyLimitBytes,
    trustProxy: proxies.length === 0 ? false : [...proxies],
    requestTimeout: requestTimeoutMs,
    keepAliveTimeout: 72_000,
    return503OnClosing: false,
    routerOptions: { maxParamLength: 200 },
    // A word too many in a query is a mistake to be told of, not one to be dropped.
    ajv: { customOptions: { removeAdditional: false } },
    frameworkErrors: (error, _, reply) => void fail(error, reply as unknown as FastifyReply),
  })
  app.setErrorHandler((error, _, reply) => fail(error, reply))
  app.setNotFoundHandler((_, reply) => fail({ statusCode: 404 }, reply))
  app.addHook('onRequest', setSafetyHeaders)
  app.addHook('onSend', (request, reply, payload, done) => done(null, answerConditionally(request, reply, payload)))
  boundClose(app, graceMs)
  if (health) addHealth(app, options.ready ?? (() => true))
  return app
}

/** Own files only, shown in no frame. Styles are set by scripts one by one, which needs no exception. */
const safetyHeaders = {
  'content-security-policy':
    "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
  'referrer-policy': 'same-origin',
  'x-content-type-options': 'nosniff',
}

function setSafetyHeaders(_: FastifyRequest, reply: FastifyReply, done: () => void): void {
  reply.headers(safetyHeaders)
  // While one process takes over from another, whoever waits for the new one has to know which answered.
  if (cluster.worker !== undefined) reply.header(workerHeader, String(cluster.worker.id))
  done()
}

/** A route that knows better has set its own Cache-Control, or its own ETag. */
function answerConditionally(request: FastifyRequest, reply: FastifyReply, payload: unknown): unknown {
  if (!reply.hasHeader('cache-control')) {
    reply.header('cache-control', request.method === 'GET' ? 'private, no-cache' : 'no-store')
  }
  const isWhole = typeof payload === 'string' && request.method === 'GET' && reply.statusCode === 200
  if (!isWhole || reply.hasHeader('etag') || reply.getHeader('cache-control') === 'no-store') return payload
  const etag = weakEtag(payload)
  reply.header('etag', etag)
  if (!matchesEtag(request.headers['if-none-match'], etag)) return payload
  reply.code(304).removeHeader('content-type').removeHeader('content-length')
  return null
}

function boundClose(app: App, graceMs: number): void {
  let timer: NodeJS.Timeout | undefined
  app.addHook('preClose', async () => {
    timer = setTimeout(() => app.server.closeAllConnections(), graceMs)
  })
  app.addHook('onClose', async () => clearTimeout(timer))
}

function addHealth(app: App, ready: () => boolean | Promise<boolean>): void {
  let isStopping = false
  app.addHook('preClose', async () => {
    isStopping = true
  })
  app.get('/health/live', async (_, reply) => {
    reply.header('cache-control', 'no-store')
    return { status: 'ok' }
  })
  app.get('/health/ready', async (_, reply) => {
    reply.header('cache-control', 'no-store')
    const isReady =
      !isStopping &&
      (await Promise.resolve()
        .then(ready)
        .catch(() => false))
    if (!isReady) throw unavailable(isStopping ? 'About to stop' : 'Not ready yet')
    return { status: 'ok' }
  })
}
