// pgstrata/http: causal reads across requests. A response carries how far its writes have come, in a signed cookie and a
// header; the next request of that client reads from a database at least as new.

export type { CausalScope, CausalSession } from './carrier.ts'
export { fastifyCausal, type FastifyCausalPlugin, type FastifyShape } from './fastify.ts'
export {
  fastifyLive,
  type FastifyLiveOptions,
  type FastifyLivePlugin,
  type FastifyLiveReply,
  type FastifyLiveShape,
} from './fastify-live.ts'
export {
  liveHandler,
  type LiveHandler,
  type LiveHandlerOptions,
  type LiveRequest,
  type LiveResponse,
  type LiveShape,
} from './live.ts'
export { causalListener, causalMiddleware, type CausalMiddleware, type Http2RequestListener } from './node.ts'
export type { CarrierOptions, CausalRequest, CookieAttributes } from './options.ts'
export {
  fastifyRateLimit,
  type FastifyLimitPlugin,
  type FastifyLimitShape,
  type LimitedReply,
  type LimitedRequest,
  type LimitRule,
  type LimiterShape,
  type RateLimitOptions,
  type TakenShape,
} from './rate-limit.ts'
export type { CausalResponse } from './response-head.ts'
