import { describe, expect, test } from 'vitest'
import { retry } from '../../src/base/retry.ts'
import { jitter, seededRandom } from '../../src/base/random.ts'
import { systemClock } from '../../src/base/clock.ts'
import { fakeClock } from '../support/fake-clock.ts'

describe('retry', () => {
  test('tries once more than there are waits, and throws the last error', async () => {
    const clock = fakeClock()
    const seen: number[] = []
    const failing = retry({ waitsMs: [10, 20], clock, random: () => 0.5, retryable: () => true }, (attempt) => {
      seen.push(attempt)
      return Promise.reject(new Error(`attempt ${attempt}`))
    })
    await expect(failing).rejects.toThrow('attempt 2')
    expect(seen).toEqual([0, 1, 2])
    expect(clock.slept).toEqual([10, 20])
  })

  test('does not retry what is not worth it', async () => {
    const clock = fakeClock()
    const failing = retry({ waitsMs: [10], clock, random: () => 0.5, retryable: () => false }, () =>
      Promise.reject(new Error('no')),
    )
    await expect(failing).rejects.toThrow('no')
    expect(clock.slept).toEqual([])
  })

  test('a signal ends the wait', async () => {
    const stopping = new AbortController()
    const waiting = systemClock.sleep(60_000, stopping.signal)
    stopping.abort()
    await expect(waiting).rejects.toMatchObject({ code: 'INTERRUPTED' })
    await expect(systemClock.sleep(60_000, stopping.signal)).rejects.toMatchObject({ code: 'INTERRUPTED' })
  })
})

test('a seed gives the same numbers again, and jitter stays in its bounds', () => {
  const numbers = (seed: number): number[] => Array.from({ length: 1_000 }, seededRandom(seed))
  expect(numbers(7)).toEqual(numbers(7))
  expect(numbers(7)).not.toEqual(numbers(8))
  for (const value of numbers(9)) {
    const moved = jitter(100, 0.5, () => value)
    expect(moved).toBeGreaterThanOrEqual(50)
    expect(moved).toBeLessThanOrEqual(150)
  }
})
