// A clock that only moves when somebody sleeps on it.

import type { Clock } from '../../src/base/clock.ts'

export interface FakeClock extends Clock {
  /** How long each sleep was. */
  readonly slept: number[]
}

export function fakeClock(startMs = 1_767_225_600_000): FakeClock {
  let nowMs = startMs
  const slept: number[] = []
  return {
    slept,
    now: () => nowMs,
    monotonic: () => nowMs - startMs,
    sleep: (delayMs) => {
      slept.push(delayMs)
      nowMs += delayMs
      return Promise.resolve()
    },
  }
}
