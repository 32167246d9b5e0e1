// A cache as many programs have it, `get(key)` and `set(key, value, ms)`, with the fence that those lack: what a `get` did not
// find is the beginning of a load, and `set` its end; if the key, or a tag, was invalidated between the two, `set` stores nothing.
//
// What holds: a `set` without a `get` before it stores nothing, for nothing is known of when its value was read. A `get` of a
// key that another caller here has already missed is a miss too, checked from that first one on.
// Bounds: 1,000 keys between their get and their set, each for `setWithin` (5 s).

import { isStrataError } from '../base/errors.ts'
import type { Cache } from './cache.ts'
import type { LoadContext } from './options.ts'

export interface QueryCache {
  /** undefined: there is none. */
  get<T = unknown>(key: string): Promise<T | undefined>
  /** Fresh for `ttlMs` milliseconds. Whether it was handed over to be stored. */
  set(key: string, value: unknown, ttlMs: number): boolean
  delete(key: string): Promise<void>
}

export interface QueryCacheOptions {
  readonly namespace?: string | undefined
  /** For every key. */
  readonly tags?: readonly string[] | undefined
}

interface Open {
  readonly give: (value: unknown, ttlMs: number) => void
}

const mostOpen = 1_000
const setWithin = '5s'

export function createQueryCache(cache: Cache, options: QueryCacheOptions = {}): QueryCache {
  const { namespace = 'query', tags = [] } = options
  const open = new Map<string, Open>()
  const get = async (key: string): Promise<unknown> => {
    if (open.has(key) || open.size >= mostOpen) return undefined
    let miss: () => void = () => undefined
    const missed = new Promise<undefined>((resolve) => (miss = () => resolve(undefined)))
    const load = ({ setTtl }: LoadContext): Promise<unknown> =>
      new Promise((resolve) => {
        open.set(key, {
          give: (value, ttlMs) => {
            setTtl(`${Math.max(0, ttlMs)}ms`)
            resolve(value)
          },
        })
        miss()
      })
    const found = cache.get<unknown>(key, load, { namespace, tags, loadTimeout: setWithin, refreshAhead: false })
    // It ends when the value is set, or never was: then nobody else shall find it open.
    const end = (): void => void open.delete(key)
    found.then(end, end)
    try {
      return await Promise.race([found, missed])
    } catch (error) {
      if (isStrataError(error, 'CACHE_LOAD_TIMEOUT')) return undefined
      throw error
    }
  }
  return {
    get: async <T>(key: string) => (await get(key)) as T | undefined,
    set: (key, value, ttlMs) => {
      const waiting = open.get(key)
      if (waiting === undefined || !Number.isFinite(ttlMs)) return false
      open.delete(key)
      waiting.give(value, ttlMs)
      return true
    },
    delete: async (key) => {
      await cache.invalidate({ keys: [key], namespace })
    },
  }
}
