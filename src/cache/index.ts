// What the cache gives to the root, and to whoever uses it.

export type { QueryCacheChoice } from './cache-query.ts'
export { createCache, type Cache, type CacheOptions, type CacheStats, type InvalidateOptions } from './cache.ts'
export type { Reach } from './invalidation.ts'
export { queryKey, type QueryIdentity } from './key.ts'
export {
  rowTag,
  tableTag,
  type CacheDuration,
  type CacheGetOptions,
  type Load,
  type LoadContext,
  type NamespaceOptions,
} from './options.ts'
export { cacheProbes } from './probes.ts'
export {
  createRoutedCache,
  type CachedChoice,
  type CachedQueryChoice,
  type CachedTextChoice,
  type RoutedCache,
  type RoutedQuery,
} from './routed-query.ts'
export type { Limiter, LimiterOptions, Taken } from './limiter/index.ts'
export { createQueryCache, type QueryCache, type QueryCacheOptions } from './query-cache.ts'
export type { NamespaceStats } from './stats.ts'
