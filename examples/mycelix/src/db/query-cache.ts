// get, and set for some milliseconds, by the library's cache: what was invalidated between a `get` that found nothing and its `set` is not
// stored. A value is seen by its key alone, so `get` says what type it has.

import { createCache, createQueryCache, type Cache, type QueryCache as LibraryCache } from 'pgstrata'

/** Milliseconds. */
export const CACHE_TTL = {
  platformStats: 60_000,
  topSongs: 300_000,
  artistProfile: 600_000,
} as const

export class QueryCache {
  readonly #cache: LibraryCache

  /** Default: a cache of this process. Given `strata.cache`, it is that of all processes on one Redis. */
  constructor(cache: Cache = createCache({ memoryBytes: 16 * 1024 ** 2 })) {
    this.#cache = createQueryCache(cache)
  }

  /** undefined: there is none, and a `set` within five seconds is the end of this load. */
  async get<T>(key: string): Promise<T | undefined> {
    return await this.#cache.get<T>(key)
  }

  /** Whether it was kept: what nobody has asked for before is not. */
  set(key: string, value: unknown, ttlMs: number): boolean {
    return this.#cache.set(key, value, ttlMs)
  }

  async delete(key: string): Promise<void> {
    await this.#cache.delete(key)
  }
}
