// What a process has taken of a limit ahead of who asks, and gives out without a way to Redis.
//
// What holds: it is counted as taken when it is taken, and given out in that window alone, so that never more is allowed
// than the limit. What is left of it when the window ends is lost.
// Bounds: of 100,000 keys.

import { LRUCache } from 'lru-cache'
import type { Taken } from './window.ts'

interface TakenAhead {
  readonly count: number
  /** By the monotonic clock; not later than the window ends in Redis. */
  readonly untilMs: number
  /** What may still be taken by anybody, without it. */
  readonly remaining: number
  readonly resetMs: number
}

interface Kept {
  count: number
  readonly untilMs: number
  readonly remaining: number
  /** By the monotonic clock. */
  readonly resetAtMs: number
}

export interface Ahead {
  /** undefined: there is not as much. */
  spend(key: string, rule: { readonly limit: number; readonly cost: number }): Taken | undefined
  put(key: string, taken: TakenAhead): void
  /** As much as may be given out now. */
  held(key: string): number
}

const mostKeys = 100_000

export function createAhead(monotonic: () => number): Ahead {
  const kept = new LRUCache<string, Kept>({ max: mostKeys })
  return {
    spend: (key, { limit, cost }) => {
      const found = kept.get(key)
      if (found === undefined || found.count < cost) return undefined
      const nowMs = monotonic()
      if (nowMs >= found.untilMs) {
        kept.delete(key)
        return undefined
      }
      found.count -= cost
      const remaining = Math.max(0, Math.floor(found.remaining + found.count))
      return { isAllowed: true, limit, remaining, resetMs: Math.ceil(found.resetAtMs - nowMs), retryMs: 0 }
    },
    held: (key) => {
      const found = kept.get(key)
      return found === undefined || monotonic() >= found.untilMs ? 0 : Math.floor(found.count)
    },
    put: (key, { count, untilMs, remaining, resetMs }) => {
      const nowMs = monotonic()
      const found = kept.get(key)
      const left = found !== undefined && nowMs < found.untilMs ? found.count : 0
      kept.set(key, { count: left + count, untilMs, remaining, resetAtMs: nowMs + resetMs })
    },
  }
}
