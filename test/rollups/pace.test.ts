// When a rollup is merged next.

import fc from 'fast-check'
import { expect, test } from 'vitest'
import {
  afterFailure,
  afterMerge,
  afterNothing,
  firstPace,
  longestIdlePauseMs,
  longestPauseMs,
  mostFailures,
  shortestPauseMs,
  type Pace,
} from '../../src/rollups/job/pace.ts'
import { checkProperty } from '../support/property.ts'

const pauses = (count: number, step: (pace: Pace) => Pace): readonly number[] => {
  const found: number[] = []
  let pace = firstPace(0)
  for (let index = 0; index < count; index++) {
    const next = step(pace)
    found.push(next.dueMs - pace.dueMs)
    pace = next
  }
  return found
}

test('one that fails is tried after 1, 2, 4 and 8 seconds, and from the fifth time on once a minute', () => {
  const steps = pauses(7, (pace) => afterFailure(pace, pace.dueMs))
  expect(steps).toEqual([1_000, 2_000, 4_000, 8_000, 60_000, 60_000, 60_000])
  expect(steps.indexOf(longestPauseMs) + 1).toBe(mostFailures)
})

test('one that has nothing to do is looked at after 2, 4 and 5 seconds', () => {
  expect(pauses(4, (pace) => afterNothing(pace, pace.dueMs))).toEqual([2_000, 4_000, 5_000, 5_000])
})

test('a merge that took long comes later: no more than half of the time goes into it', async () => {
  await checkProperty(
    'share of merging',
    fc.array(fc.integer({ min: 0, max: longestPauseMs }), { minLength: 1 }),
    (took) => {
      let nowMs = 0
      let busyMs = 0
      for (const tookMs of took) {
        nowMs += tookMs
        busyMs += tookMs
        const { dueMs, failures } = afterMerge({ nowMs, tookMs })
        expect(failures).toBe(0)
        expect(dueMs - nowMs).toBeGreaterThanOrEqual(shortestPauseMs)
        expect(dueMs - nowMs).toBeLessThanOrEqual(longestPauseMs)
        nowMs = dueMs
        expect(busyMs).toBeLessThanOrEqual(nowMs / 2)
      }
    },
  )
})

test('what is busy, fails or idles comes back to its pace at once', () => {
  const slow = afterMerge({ nowMs: 0, tookMs: 40_000 })
  expect(slow.pauseMs).toBe(40_000)
  expect(afterNothing(slow, 0).pauseMs).toBe(longestIdlePauseMs)
  expect(afterFailure(slow, 0).dueMs).toBe(shortestPauseMs)
  expect(afterNothing(afterFailure(afterFailure(slow, 0), 0), 0)).toMatchObject({ pauseMs: 2_000, failures: 0 })
})
