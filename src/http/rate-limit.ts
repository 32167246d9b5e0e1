// Limiters in front of Fastify's routes: RateLimit and RateLimit-Policy in every response (draft-ietf-httpapi-ratelimit-headers),
// 429 with Retry-After where somebody asked too often by one of them. It knows limiters and Fastify by shape alone.
// All are asked at once; what a request took of the others stays taken where one refuses it.
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
export interface LimitRule<Request extends LimitedRequest = LimitedRequest> {
  readonly limiter: LimiterShape
  /** Who asks. Default: the address, also where it throws. undefined: not limited. */
  readonly keyOf?: ((request: Request) => string | undefined | Promise<string | undefined>) | undefined
  /** Default 1. */
  readonly costOf?: ((request: Request) => number) | undefined
}

export interface RateLimitOptions<Request extends LimitedRequest = LimitedRequest> {
  /** Of each limiter without one of its own. */
  readonly keyOf?: LimitRule<Request>['keyOf']
  readonly costOf?: LimitRule<Request>['costOf']
  /** What a refusal says. Default: `{ code: 'RATE_LIMITED', message }`. */
  readonly bodyOf?: (refused: TakenShape) => unknown
  /** Told of what `keyOf`, `costOf` or a limiter threw. */
  readonly onError?: (error: unknown) => void
}

const usualBody = { code: 'RATE_LIMITED', message: 'Too many requests' } as const

export type FastifyLimitPlugin = (instance: FastifyLimitShape, options: unknown, done: (error?: Error) => void) => void

export function fastifyRateLimit<Request extends LimitedRequest = LimitedRequest>(
  limits: LimiterShape | readonly LimitRule<Request>[],
  options: RateLimitOptions<Request> = {},
): FastifyLimitPlugin {
  const { bodyOf = () => usualBody, onError = () => undefined } = options
  const rules = (isList(limits) ? limits : [{ limiter: limits }]).map((rule) => openRule(rule, options, onError))
  const plugin: FastifyLimitPlugin = (instance, _, done) => {
    instance.addHook('onRequest', async (request, reply) => {
      const taken: TakenOf[] = []
      // All at once; none of them rejects.
      for (const asked of rules.map((take) => take(request as Request))) {
        const one = asked === undefined ? undefined : await asked
        if (one !== undefined) taken.push(one)
      }
      if (taken.length === 0) return undefined
      reply.header('RateLimit-Policy', taken.map(policyOf).join(', '))
      reply.header('RateLimit', taken.map(stateOf).join(', '))
      const [refused] = taken.filter((one) => !one.isAllowed).toSorted((one, other) => other.retryMs - one.retryMs)
      if (refused === undefined) return undefined
      reply.header('Retry-After', String(seconds(refused.retryMs)))
      return reply.code(429).send(bodyOf(refused))
    })
    done()
  }
  // Without the first, the hook would be one of the plugin's own context, where there are no routes.
  return Object.assign(plugin, {
    [Symbol.for('skip-override')]: true,
    [Symbol.for('fastify.display-name')]: 'pgstrata-rate-limit',
  })
}

interface TakenOf extends TakenShape {
  readonly limiter: LimiterShape
}

/** Takes what a request costs; undefined: it is not limited by this one. Never rejects. */
function openRule<Request extends LimitedRequest>(
  { limiter, ...own }: LimitRule<Request>,
  options: RateLimitOptions<Request>,
  onError: (error: unknown) => void,
): (request: Request) => Promise<TakenOf | undefined> | undefined {
  const { keyOf = options.keyOf ?? (({ ip }) => ip), costOf = options.costOf ?? (() => 1) } = own
  const byAddress = (error: unknown, { ip }: Request): string => {
    onError(error)
    return ip
  }
  const findKey = (request: Request): ReturnType<typeof keyOf> => {
    try {
      return keyOf(request)
    } catch (error) {
      return byAddress(error, request)
    }
  }
  const take = async (
    request: Request,
    finding: string | Promise<string | undefined>,
  ): Promise<TakenOf | undefined> => {
    try {
      const key =
        typeof finding === 'string' ? finding : await finding.catch((error: unknown) => byAddress(error, request))
      return key === undefined ? undefined : { limiter, ...(await limiter.take(key, costOf(request))) }
    } catch (error) {
      onError(error)
      return undefined
    }
  }
  return (request) => {
    const finding = findKey(request)
    return finding === undefined ? undefined : take(request, finding)
  }
}

function isList<Request extends LimitedRequest>(
  limits: LimiterShape | readonly LimitRule<Request>[],
): limits is readonly LimitRule<Request>[] {
  return Array.isArray(limits)
}

const policyOf = ({ limiter }: TakenOf): string => `"${limiter.name}";q=${limiter.limit};w=${seconds(limiter.windowMs)}`
const stateOf = ({ limiter, remaining, resetMs }: TakenOf): string =>
  `"${limiter.name}";r=${remaining};t=${seconds(resetMs)}`

/** Up: whoever comes a second too early is refused again. */
function seconds(durationMs: number): number {
  return Math.ceil(durationMs / 1_000)
}
