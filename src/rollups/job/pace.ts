// When a rollup is merged next, by what became of it last. Pure.
//
// What holds: no rollup takes more than half of the time, as long as a merge is done within the longest pause; one that fails is
// tried at growing intervals, and never given up.

export interface Pace {
  /** By the monotonic clock. */
  readonly dueMs: number
  readonly pauseMs: number
  /** In a row. */
  readonly failures: number
}

export const shortestPauseMs = 1_000
/** While there is nothing to do: what is pending is read from the deltas anyway. */
export const longestIdlePauseMs = 5_000
export const longestPauseMs = 60_000
/** From then on it is tried once in the longest pause, and a person should see to it. */
export const mostFailures = 5

export function firstPace(dueMs: number, failures = 0): Pace {
  return { dueMs, pauseMs: shortestPauseMs, failures }
}

/** Whoever takes long comes later, and has the more to take at once. */
export function afterMerge({ nowMs, tookMs }: { readonly nowMs: number; readonly tookMs: number }): Pace {
  const pauseMs = Math.min(longestPauseMs, Math.max(shortestPauseMs, tookMs))
  return { dueMs: nowMs + pauseMs, pauseMs, failures: 0 }
}

export function afterNothing({ pauseMs }: Pace, nowMs: number): Pace {
  const next = Math.min(longestIdlePauseMs, pauseMs * 2)
  return { dueMs: nowMs + next, pauseMs: next, failures: 0 }
}

export function afterFailure(pace: Pace, nowMs: number): Pace {
  const failures = pace.failures + 1
  return { dueMs: nowMs + pauseAfter(failures), pauseMs: shortestPauseMs, failures }
}

export function pauseAfter(failures: number): number {
  return failures >= mostFailures ? longestPauseMs : shortestPauseMs * 2 ** Math.max(0, failures - 1)
}
