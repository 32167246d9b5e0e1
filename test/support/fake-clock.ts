// A clock that only moves when somebody sleeps on it, or moves it.

import type { Clock } from '../../src/base/clock.ts'

export interface FakeClock extends Clock {
  /** How long each sleep was. */
  readonly slept: number[]
  /** Moves it on and calls what has become due, in order. */
  advance(durationMs: number): void
}

interface Timer {
  readonly dueMs: number
  readonly callback: () => void
}

export function fakeClock(startMs = 1_767_225_600_000): FakeClock {
  let nowMs = startMs
  const slept: number[] = []
  const timers = new Set<Timer>()
  const advance = (durationMs: number): void => {
    const untilMs = nowMs + durationMs
    for (;;) {
      const [next] = [...timers].filter(({ dueMs }) => dueMs <= untilMs).toSorted((a, b) => a.dueMs - b.dueMs)
      if (next === undefined) break
      timers.delete(next)
      nowMs = Math.max(nowMs, next.dueMs)
      next.callback()
    }
    nowMs = untilMs
  }
  return {
    slept,
    advance,
    now: () => nowMs,
    monotonic: () => nowMs - startMs,
    sleep: (delayMs) => {
      slept.push(delayMs)
      advance(delayMs)
      return Promise.resolve()
    },
    after: (delayMs, callback) => {
      const timer = { dueMs: nowMs + delayMs, callback }
      timers.add(timer)
      return () => void timers.delete(timer)
    },
    createHold: () => ({ take: () => undefined, drop: () => undefined }),
  }
}
