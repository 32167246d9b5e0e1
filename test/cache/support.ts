// Caches of a test, closed after it, and loaders that can be held.

import { randomUUID } from 'node:crypto'
import { onTestFinished } from 'vitest'
import { createCache, type Cache, type CacheOptions } from '../../src/cache/index.ts'

export async function openCache(options: CacheOptions = {}): Promise<Cache> {
  const cache = createCache(options)
  onTestFinished(() => cache.close())
  await cache.start()
  return cache
}

/** One for a file: what Redis has just been told of first is awaited for a second when it is invalidated first. */
const prefix = randomUUID()

/** Several, as processes would be: each with copies of its own, on one Redis, where nothing is left of earlier ones. */
export async function openCaches(count: number, options: CacheOptions): Promise<readonly Cache[]> {
  const caches = await Promise.all(Array.from({ length: count }, () => openCache({ prefix, ...options })))
  await caches[0]?.clear()
  return caches
}

export interface Held<T> {
  readonly load: () => Promise<T>
  /** Resolves when the loader has been called. */
  readonly begun: Promise<void>
  readonly give: (value: T) => void
  readonly fail: (error: Error) => void
  calls(): number
}

/** A loader that waits until it is told what to give. */
export function holdLoad<T>(): Held<T> {
  let calls = 0
  let begin: () => void = () => undefined
  let give: (value: T) => void = () => undefined
  let fail: (error: Error) => void = () => undefined
  const begun = new Promise<void>((resolve) => (begin = resolve))
  const result = new Promise<T>((resolve, reject) => {
    give = resolve
    fail = reject
  })
  result.catch(() => undefined)
  return {
    load: () => {
      calls++
      begin()
      return result
    },
    begun,
    give,
    fail,
    calls: () => calls,
  }
}
