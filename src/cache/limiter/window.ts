// The arithmetic of a sliding window, in two counters: what was taken in this window, and of the one before it the share that
// still overlaps. Exact at the edges of a window; between them it holds what was taken before to have come evenly.

export interface Taken {
  readonly isAllowed: boolean
  readonly limit: number
  /** What may still be taken now. */
  readonly remaining: number
  /** Until the whole limit is there again, if nothing more is taken. */
  readonly resetMs: number
  /** Refused: until this cost may be taken; 0 otherwise. */
  readonly retryMs: number
}

export interface WindowCounts {
  readonly before: number
  readonly current: number
  /** Since this window began. */
  readonly elapsedMs: number
}

export interface WindowRule {
  readonly limit: number
  readonly windowMs: number
  readonly cost: number
}

/** `counts` as they are before it is taken. */
export function judge({ before, current, elapsedMs }: WindowCounts, { limit, windowMs, cost }: WindowRule): Taken {
  const used = current + before * (1 - elapsedMs / windowMs)
  const isAllowed = used + cost <= limit
  const usedAfter = isAllowed ? used + cost : used
  const currentAfter = isAllowed ? current + cost : current
  const leftMs = windowMs - elapsedMs
  return {
    isAllowed,
    limit,
    remaining: Math.max(0, Math.floor(limit - usedAfter)),
    resetMs: Math.ceil(currentAfter > 0 ? leftMs + windowMs : before > 0 ? leftMs : 0),
    retryMs: isAllowed ? 0 : Math.ceil(waitFor({ before, current, elapsedMs }, { limit, windowMs, cost })),
  }
}

/** When what still counts has become so little that the cost fits; the window's length where it never does. */
function waitFor({ before, current, elapsedMs }: WindowCounts, { limit, windowMs, cost }: WindowRule): number {
  const room = limit - cost
  if (room < 0) return windowMs
  if (current <= room) return before === 0 ? 0 : Math.max(0, windowMs * (1 - (room - current) / before) - elapsedMs)
  return windowMs - elapsedMs + Math.max(0, windowMs * (1 - room / current))
}
