// One question for all who ask it at the same time, and its answer for all who ask within a second (or what else it is worth): so a
// thousand clients cost the database what one does. What failed is not kept, nor what was asked before somebody changed something:
// whoever asks after that sees it. Bounded: 200 answers, the oldest go first.

import type { Clock } from '../base/clock.ts'

export interface Shared {
  /** Default: kept for a second. */
  ask<T>(key: string, load: () => Promise<T>, keptMs?: number): Promise<T>
  /** Something was changed: what was asked before, and what is under way, is for nobody who asks from now on. */
  forget(): void
}

const usuallyKeptMs = 1_000
const mostKept = 200

interface Entry {
  readonly value: Promise<unknown>
  /** Infinity while it is under way. */
  untilMs: number
}

export function createShared(clock: Clock): Shared {
  const entries = new Map<string, Entry>()
  return {
    ask: async <T>(key: string, load: () => Promise<T>, keptMs = usuallyKeptMs): Promise<T> => {
      const known = entries.get(key)
      if (known !== undefined && known.untilMs > clock.monotonic()) return (await known.value) as T
      const entry: Entry = { value: load(), untilMs: Infinity }
      entries.delete(key)
      entries.set(key, entry)
      if (entries.size > mostKept) entries.delete(entries.keys().next().value ?? '')
      try {
        return (await entry.value) as T
      } catch (error) {
        if (entries.get(key) === entry) entries.delete(key)
        throw error
      } finally {
        entry.untilMs = clock.monotonic() + keptMs
      }
    },
    forget: () => entries.clear(),
  }
}
