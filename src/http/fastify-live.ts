// Live events as a route of Fastify 5, which it knows by shape alone. The stream goes past Fastify (`hijack`), with the headers
// that hooks have set before it, such as those of CORS.

import { liveHandler, type LiveHandlerOptions, type LiveRequest, type LiveResponse, type LiveShape } from './live.ts'

export interface FastifyLiveReply {
  readonly raw: LiveResponse
  hijack(): unknown
  getHeaders(): Readonly<Record<string, number | string | readonly string[] | undefined>>
}

/** What the plugin needs of an instance. */
export interface FastifyLiveShape {
  get(path: string, handler: (request: { readonly raw: LiveRequest }, reply: FastifyLiveReply) => void): unknown
}

export interface FastifyLiveOptions<Topic> extends LiveHandlerOptions<Topic> {
  /** Default: '/live'. */
  readonly path?: string
}

export type FastifyLivePlugin = (instance: FastifyLiveShape, options: unknown, done: (error?: Error) => void) => void

export function fastifyLive<Topic>(live: LiveShape<Topic>, options: FastifyLiveOptions<Topic>): FastifyLivePlugin {
  const { path = '/live', ...rest } = options
  const handle = liveHandler(live, rest)
  return (instance, _, done) => {
    instance.get(path, (request, reply) => {
      reply.hijack()
      for (const [name, value] of Object.entries(reply.getHeaders()))
        if (value !== undefined) reply.raw.setHeader(name, value)
      handle(request.raw, reply.raw)
    })
    done()
  }
}
