// The one way to Redis, for the cache, the limiter and whatever else needs what processes share.

export { RedisLink, type RedisReply } from './link.ts'
export { createScript, type RedisScript } from './script.ts'
