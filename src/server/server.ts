// The server of its own: all routes, and nothing else, on an address.
//
// Promises: any address but the loopback needs tokens; whatever comes in is bounded: headers 16 kB, bodies 64 kB, connections,
// the time a request may take to arrive; what is no HTTP gets an answer that says so, and its connection is closed.
// `close` ends listening at once, tells streams to go, gives what is under way its grace, then ends the rest. Idempotent.
// Needs the package fastify, which is loaded when a server is made.

import type { AddressInfo, Socket } from 'node:net'
import { STATUS_CODES } from 'node:http'
import type { Clock } from '../base/clock.ts'
import { answerOf } from '../base/error-answer.ts'
import { messageOf, StrataError } from '../base/errors.ts'
import { loadOptional } from '../base/load-optional.ts'
import type { Logger } from '../base/logger.ts'
import { isLoopback, tokensNeeded, type ServerSettings } from '../config/server.ts'
import { refusalOf } from './errors.ts'
import type { ReplyShape } from './fastify-shape.ts'
import { createPlugin } from './plugin.ts'
import type { Sources } from './sources.ts'

export interface StrataServer {
  /** Gives back where: 'http://127.0.0.1:8432'. */
  listen(): Promise<string>
  close(): Promise<void>
}

export interface ServerTools {
  readonly sources: Sources
  readonly clock: Clock
  readonly logger: Logger
}

const keepAliveMs = 72_000
const checkEveryMs = 1_000
const mostHeaderBytes = 16_384

export async function openServer(
  settings: ServerSettings,
  { sources, clock, logger }: ServerTools,
): Promise<StrataServer> {
  const { host, port, tokens, connections, requestTimeoutMs, graceMs } = settings
  if (!isLoopback(host) && tokens.read.length + tokens.manage.length === 0) {
    throw new StrataError('CONFIG_INVALID', { message: 'server.host', expected: tokensNeeded, got: host })
  }
  const { fastify } = await loadOptional({ name: 'fastify', command: 'npm install fastify@5' }, () => import('fastify'))
  const app = fastify({
    requestTimeout: requestTimeoutMs,
    keepAliveTimeout: keepAliveMs,
    http: {
      maxHeaderSize: mostHeaderBytes,
      headersTimeout: requestTimeoutMs,
      connectionsCheckingInterval: Math.min(checkEveryMs, requestTimeoutMs),
    },
    routerOptions: { maxParamLength: 200 },
    return503OnClosing: false,
    clientErrorHandler: refuseConnection,
    frameworkErrors: (error, _, reply) => refuseRequest(error, reply as unknown as ReplyShape),
  })
  app.server.maxConnections = connections
  await app.register(createPlugin({ sources, tokens, clock, logger, isAlone: true }))
  let closing: Promise<void> | undefined
  const close = async (): Promise<void> => {
    const cancel = clock.after(graceMs, () => app.server.closeAllConnections())
    try {
      await app.close()
    } finally {
      cancel()
    }
  }
  return {
    listen: async () => {
      try {
        await app.listen({ host, port })
      } catch (cause) {
        await app.close()
        throw new StrataError('SERVER_FAILED', { message: `Port ${port} of ${host}: ${messageOf(cause)}`, cause })
      }
      return urlOf(app.server.address() as AddressInfo)
    },
    close: () => (closing ??= close()),
  }
}

function urlOf({ address, family, port }: AddressInfo): string {
  return `http://${family === 'IPv6' ? `[${address}]` : address}:${port}`
}

/** What Fastify refuses before it knows a route: a URL that cannot be read. */
function refuseRequest(error: { readonly statusCode?: number | undefined }, reply: ReplyShape): void {
  const refusal = refusalOf(error.statusCode ?? 400)
  const headers = { 'content-type': 'application/json; charset=utf-8', 'cache-control': 'no-store' }
  reply
    .code(refusal.status)
    .headers(headers)
    .send(JSON.stringify(answerOf(refusal)))
}

interface ConnectionError extends Error {
  readonly code?: string
}

const statusOfCode: Readonly<Record<string, number>> = {
  HPE_HEADER_OVERFLOW: 431,
  HPE_CHUNK_EXTENSIONS_OVERFLOW: 413,
  ERR_HTTP_REQUEST_TIMEOUT: 408,
}

/** What Node's parser refuses never becomes a request. As Node itself does, it is not answered into an answer under way. */
function refuseConnection(error: ConnectionError, socket: Socket): void {
  const underWay = (socket as Socket & { readonly _httpMessage?: { readonly headersSent: boolean } | null })
    ._httpMessage
  if (error.code === 'ECONNRESET' || !socket.writable || underWay?.headersSent === true) return void socket.destroy()
  const refusal = refusalOf(statusOfCode[error.code ?? ''] ?? 400)
  const body = JSON.stringify(answerOf(refusal))
  const lines = [
    `HTTP/1.1 ${refusal.status} ${STATUS_CODES[refusal.status] ?? ''}`,
    'content-type: application/json; charset=utf-8',
    `content-length: ${Buffer.byteLength(body)}`,
    'cache-control: no-store',
    'connection: close',
  ]
  socket.write(`${lines.join('\r\n')}\r\n\r\n${body}`)
  socket.destroySoon()
}
