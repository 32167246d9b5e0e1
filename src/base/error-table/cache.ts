// The cache, what it is shared through, and the limiter.

import { busy, database, environment, usage, type ErrorEntry } from './entry.ts'

export type CacheErrorCode =
  | 'REDIS_UNAVAILABLE'
  | 'CACHE_LOAD_TIMEOUT'
  | 'CACHE_CLOSED'
  | 'CACHE_QUERY_REFUSED'
  | 'RATE_LIMITED'

export const cacheErrors: Readonly<Record<CacheErrorCode, ErrorEntry>> = {
  REDIS_UNAVAILABLE: {
    ...database,
    title: 'Redis was not there, or did not answer in time.',
    advice: 'Nothing needs to be done for the cache: it goes on without, and comes back by itself.',
  },
  CACHE_LOAD_TIMEOUT: {
    ...environment,
    status: 504,
    title: 'What a value is loaded with took longer than it may.',
    advice: 'Give the loader a timeout of its own, or raise `loadTimeout`.',
  },
  CACHE_CLOSED: {
    ...environment,
    status: 503,
    title: 'The cache is closed.',
    advice: 'Close it after whatever reads through it.',
  },
  CACHE_QUERY_REFUSED: {
    ...usage,
    title: 'A statement may not be cached.',
    advice: 'Only what surely reads is; leave `cache` out for this one.',
  },
  RATE_LIMITED: {
    ...busy,
    status: 429,
    title: 'Somebody asked more often than is allowed.',
    advice: 'Ask again after the time in Retry-After.',
  },
}
