// Live events over Server-Sent Events, for node:http, node:http2 (compatibility API) and what is built like express.
//
// Promises: nothing is sent before `authorize` has said yes to each topic; a client that does not read is held back by its
// connection, never by memory; what ends on either side ends on the other. A browser gives up for good at any status
// but 200, so where there is no room it is told to come back later; what it may not have, or nobody has, is an error.
// State: one response each. It knows live events by shape alone.

import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Http2ServerRequest, Http2ServerResponse } from 'node:http2'
import { answerOf } from '../base/error-answer.ts'
import { isStrataError, StrataError } from '../base/errors.ts'
import { jitter, systemRandom, type Random } from '../base/random.ts'

export type LiveRequest = IncomingMessage | Http2ServerRequest
export type LiveResponse = ServerResponse | Http2ServerResponse

/** What is needed of live events. */
export interface LiveShape<Topic> {
  check(topic: unknown): void
  open(options: {
    readonly topics: readonly Topic[]
    readonly lastEventId?: string | undefined
    readonly address: string
    readonly sink: { write(bytes: Buffer): boolean; end(): void; destroy(): void }
  }): { drained(): void; close(): void }
}

export interface LiveHandlerOptions<Topic> {
  /**
   * Asked for each topic of each connection, and again when a client comes back. A topic: what it may have instead, such as
   * the one it asked for with a condition more.
   */
  readonly authorize: (request: LiveRequest, topic: Topic) => boolean | Topic | Promise<boolean | Topic>
  /** Who connects, for there is a limit for each. Default: the address of the connection, which may be that of a proxy. */
  readonly addressOf?: (request: LiveRequest) => string | undefined
  /** Clients come back after about so long. Default: 2 s. */
  readonly retryMs?: number
  readonly random?: Random
}

export type LiveHandler = (request: LiveRequest, response: LiveResponse) => void

const mostTopics = 32
const longestQuery = 16_384
const fullRetryMs = 15_000

/** Answers GET with a stream. `?topics=` is a JSON list of topics; `Last-Event-ID`, or `?lastEventId=`, is where to go on. */
export function liveHandler<Topic>(live: LiveShape<Topic>, options: LiveHandlerOptions<Topic>): LiveHandler {
  return (request, response) => {
    serve({ live, options, request, response }).catch((error: unknown) => refuse(response, error, options))
  }
}

interface Exchange<Topic> {
  readonly live: LiveShape<Topic>
  readonly options: LiveHandlerOptions<Topic>
  readonly request: LiveRequest
  readonly response: LiveResponse
}

async function serve<Topic>({ live, options, request, response }: Exchange<Topic>): Promise<void> {
  if (request.method !== 'GET')
    throw new StrataError('VALUE_INVALID', { message: 'Live events are had by GET', got: String(request.method) })
  const { authorize, addressOf, retryMs = 2_000, random = systemRandom } = options
  const asked = readQuery(request)
  const topics: Topic[] = []
  for (const topic of asked.topics) {
    live.check(topic)
    const answer = await authorize(request, topic as Topic)
    if (answer === false) throw new StrataError('LIVE_REFUSED', { message: 'A topic was refused' })
    topics.push(answer === true ? (topic as Topic) : answer)
  }
  // Gone while it was asked for.
  if (response.destroyed || response.writableEnded) return
  const address = addressOf?.(request) ?? request.socket.remoteAddress ?? ''
  const stream = response as ServerResponse
  const connection = live.open({
    topics,
    lastEventId: asked.lastEventId,
    address,
    sink: {
      write: (bytes) => {
        if (!stream.headersSent) begin(stream, Math.round(jitter(retryMs, 0.5, random)))
        return stream.destroyed || stream.write(bytes)
      },
      end: () => void stream.end(),
      destroy: () => void stream.destroy(),
    },
  })
  if (!stream.headersSent) begin(stream, Math.round(jitter(retryMs, 0.5, random)))
  response.on('drain', () => connection.drained())
  response.on('close', () => connection.close())
  // It closed before anybody listened.
  if (response.destroyed) connection.close()
}

function begin(response: ServerResponse, retryMs: number): void {
  response.writeHead(200, {
    'content-type': 'text/event-stream; charset=utf-8',
    'cache-control': 'no-store, no-transform',
    'x-accel-buffering': 'no',
  })
  response.write(`retry: ${retryMs}\n\n`)
}

function readQuery(request: LiveRequest): {
  readonly topics: readonly unknown[]
  readonly lastEventId: string | undefined
} {
  const url = request.url ?? '/'
  const query = new URLSearchParams(url.slice(0, longestQuery).split('?').slice(1).join('?'))
  const header = request.headers['last-event-id']
  const lastEventId = (typeof header === 'string' ? header : undefined) ?? query.get('lastEventId') ?? undefined
  const topics = parseJson(url.length > longestQuery ? '' : (query.get('topics') ?? ''))
  if (!Array.isArray(topics) || topics.length === 0 || topics.length > mostTopics)
    throw new StrataError('LIVE_TOPIC_INVALID', {
      message: 'The topics cannot be read',
      expected: `?topics= with a JSON list of 1 to ${mostTopics} topics`,
    })
  return { topics, lastEventId: lastEventId === '' ? undefined : lastEventId }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown
  } catch {
    return undefined
  }
}

function refuse<Topic>(
  given: LiveResponse,
  error: unknown,
  { random = systemRandom }: LiveHandlerOptions<Topic>,
): void {
  const response = given as ServerResponse
  if (response.headersSent || response.destroyed) return void response.destroy()
  if (isStrataError(error, 'LIVE_FULL')) {
    begin(response, Math.round(jitter(fullRetryMs, 0.5, random)))
    response.end(': there is no room\n\n')
    return
  }
  // What `authorize` threw may say what a client must not know.
  const told = isStrataError(error)
    ? error
    : new StrataError('INTERNAL', { message: 'Something failed', advice: 'Try again later.' })
  response.writeHead(told.status, { 'content-type': 'application/json', 'cache-control': 'no-store' })
  response.end(JSON.stringify(answerOf(told)))
}
