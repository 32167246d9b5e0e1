// The rate limiter, for the cache's facade.

export { createLimiter, type Limiter, type LimiterOptions } from './limiter.ts'
export type { Taken } from './window.ts'
