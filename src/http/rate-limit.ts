// A limiter in front of Fastify's routes: RateLimit and RateLimit-Policy in every response (draft-ietf-httpapi-ratelimit-headers),
// 429 with Retry-After where somebody asked too often. It knows the limiter and Fastify by shape alone.
// On failure of the limiter itself the request goes on: a limit is no reason to be down. Where finding out who asks
// fails, the address is counted, so that a mistake there does not switch the limit off.

/** What is needed of a limiter. */
export interface LimiterShape {
  readonly name: string
  readonly limit: number
  readonly windowMs: number
  take(key: string, cost?: number): Promise<TakenShape>
}

export interface TakenShape {
  readonly isAllowed: boolean
  readonly remaining: number
  readonly resetMs: number
  readonly retryMs: number
}

export interface LimitedRequest {
  readonly ip: string
  readonly method: string
  readonly url: string
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>
}

export interface LimitedReply {
  header(name: string, value: string): unknown
  code(status: number): LimitedReply
  send(body: unknown): unknown
}

/** What the plugin needs of an instance. */
export interface FastifyLimitShape {
  addHook(name: 'onRequest', hook: (request: LimitedRequest, reply: LimitedReply) => Promise<unknown>): unknown
}

/** `Request`: as the functions take it; what Fastify gives is one. */
export interface RateLimitOptions<Request extends LimitedRequest = LimitedRequest> {
  /** Who asks. Default: the address, also where it throws. undefined: not limited. */
  readonly keyOf?: (request: Request) => string | undefined | Promise<string | undefined>
  /** Default 1. */
  readonly costOf?: (request: Request) => number
  /** What a refusal says. Default: `{ code: 'RATE_LIMITED', message }`. */
  readonly bodyOf?: (refused: TakenShape) => unknown
  /** Told of what `keyOf`, `costOf` or the limiter threw. */
  readonly onError?: (error: unknown) => void
}

const usualBody = { code: 'RATE_LIMITED', message: 'Too many requests' } as const

export type FastifyLimitPlugin = (instance: FastifyLimitShape, options: unknown, done: (error?: Error) => void) => void

export function fastifyRateLimit<Request extends LimitedRequest = LimitedRequest>(
  limiter: LimiterShape,
  options: RateLimitOptions<Request> = {},
): FastifyLimitPlugin {
  const { keyOf = ({ ip }) => ip, costOf = () => 1, bodyOf = () => usualBody, onError = () => undefined } = options
  const findKey = async (request: Request): Promise<string | undefined> => {
    try {
      return await keyOf(request)
    } catch (error) {
      onError(error)
      return request.ip
    }
  }
  const take = async (request: Request): Promise<TakenShape | undefined> => {
    try {
      const key = await findKey(request)
      return key === undefined ? undefined : await limiter.take(key, costOf(request))
    } catch (error) {
      onError(error)
      return undefined
    }
  }
  const policy = `"${limiter.name}";q=${limiter.limit};w=${seconds(limiter.windowMs)}`
  const plugin: FastifyLimitPlugin = (instance, _, done) => {
    instance.addHook('onRequest', async (request, reply) => {
      const taken = await take(request as Request)
      if (taken === undefined) return undefined
      reply.header('RateLimit-Policy', policy)
      reply.header('RateLimit', `"${limiter.name}";r=${taken.remaining};t=${seconds(taken.resetMs)}`)
      if (taken.isAllowed) return undefined
      reply.header('Retry-After', String(seconds(taken.retryMs)))
      return reply.code(429).send(bodyOf(taken))
    })
    done()
  }
  // Without the first, the hook would be one of the plugin's own context, where there are no routes.
  return Object.assign(plugin, {
    [Symbol.for('skip-override')]: true,
    [Symbol.for('fastify.display-name')]: 'pgstrata-rate-limit',
  })
}

/** Up: whoever comes a second too early is refused again. */
function seconds(durationMs: number): number {
  return Math.ceil(durationMs / 1_000)
}
