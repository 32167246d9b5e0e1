// Streams of live events that are open: each is handed to live events, and told to go when the server stops.

import { StrataError } from '../base/errors.ts'
import { liveHandler, type LiveHandler, type LiveShape } from '../http/live.ts'
import type { ReplyShape, RequestShape } from './fastify-shape.ts'

export class Streams {
  readonly #handle: LiveHandler | undefined
  readonly #open = new Set<ReplyShape['raw']>()

  constructor(live: LiveShape<unknown> | undefined) {
    // Who may look may look at everything: access was asked before.
    this.#handle = live === undefined ? undefined : liveHandler(live, { authorize: () => true })
  }

  open(request: RequestShape, reply: ReplyShape): ReplyShape {
    if (this.#handle === undefined) {
      throw new StrataError('HTTP_NOT_CONFIGURED', {
        message: 'That is not configured here',
        advice: 'Declare `live` in the configuration.',
      })
    }
    reply.hijack()
    for (const [name, value] of Object.entries(reply.getHeaders()))
      if (value !== undefined) reply.raw.setHeader(name, value)
    this.#open.add(reply.raw)
    reply.raw.once('close', () => this.#open.delete(reply.raw))
    this.#handle(request.raw, reply.raw)
    return reply
  }

  /** A client whose stream ends comes back, to whoever serves it then. */
  end(): void {
    for (const response of this.#open) response.end()
  }
}
