// How long a block waits for a lock, and how often it tries. A waiting ALTER TABLE holds up every query that comes
// after it, so each try waits briefly, gives up whole, and lets the others through before the next.
//
// Bound: the sum of all waits and pauses; with the defaults under 3 minutes.

interface Rung {
  /** lock_timeout of this try. */
  readonly lockTimeoutMs: number
  /** Pause after it, before the next (jittered by half). */
  readonly pauseMs: number
}

export interface Ladder {
  readonly rungs: readonly Rung[]
  /** lock_timeout for statements outside a transaction: their waits hold nobody up. */
  readonly concurrentTimeoutMs: number
  /** Tries of a statement outside a transaction. */
  readonly concurrentTries: number
}

export interface LadderOptions {
  readonly firstTimeoutMs: number
  readonly lastTimeoutMs: number
  readonly tries: number
  readonly concurrentTimeoutMs: number
}

export const defaultLadderOptions: LadderOptions = {
  firstTimeoutMs: 100,
  lastTimeoutMs: 1_000,
  tries: 20,
  concurrentTimeoutMs: 10 * 60_000,
}

const firstPauseMs = 50
const longestPauseMs = 30_000

/** Timeouts and pauses grow by a constant factor from rung to rung. */
export function buildLadder(options: LadderOptions): Ladder {
  const { firstTimeoutMs, lastTimeoutMs, tries, concurrentTimeoutMs } = options
  const steps = Math.max(1, tries - 1)
  const timeoutGrowth = (lastTimeoutMs / firstTimeoutMs) ** (1 / steps)
  const pauseGrowth = (longestPauseMs / firstPauseMs) ** (1 / steps)
  const rungs = Array.from({ length: tries }, (_, rung) => ({
    lockTimeoutMs: Math.round(firstTimeoutMs * timeoutGrowth ** rung),
    pauseMs: Math.round(firstPauseMs * pauseGrowth ** rung),
  }))
  return { rungs, concurrentTimeoutMs, concurrentTries: 3 }
}
