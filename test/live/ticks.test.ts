// When what waits is sent: soon where little is sent, later the more there is, and never later than it may be.

import { expect, test } from 'vitest'
import type { Clock } from '../../src/base/clock.ts'
import { Ticks } from '../../src/live/ticks.ts'
import { fakeClock } from '../support/fake-clock.ts'

/** When each sending began, if something waits every millisecond and the process is busy with a sending for `takesMs`. */
function sentAt(takesMs: number, forMs: number): number[] {
  const clock = fakeClock(0)
  const sent: number[] = []
  const after: Clock['after'] = (delayMs, callback) => clock.after(delayMs === 0 ? takesMs : delayMs, callback)
  const ticks = new Ticks({ clock: { ...clock, after }, longestMs: 50, send: () => sent.push(clock.monotonic()) })
  clock.advance(1)
  while (clock.monotonic() < forMs) {
    ticks.request()
    clock.advance(1)
  }
  ticks.stop()
  return sent
}

const pauses = (sent: readonly number[]): number[] => sent.slice(1).map((at, index) => at - (sent[index] ?? 0))

test('what follows closely is gathered', () => {
  expect(sentAt(0, 40)).toEqual([1, 11, 21, 31])
})

test('sending takes an eighth of the time, until pauses are as long as they may be', () => {
  const [, ...some] = pauses(sentAt(4, 500))
  const [, ...longest] = pauses(sentAt(20, 500))
  expect(new Set(some)).toEqual(new Set([32]))
  expect(new Set(longest)).toEqual(new Set([50]))
})

test('nothing goes out where nothing waits, or after the end', () => {
  const clock = fakeClock()
  let sent = 0
  const ticks = new Ticks({ clock, longestMs: 50, send: () => void sent++ })
  clock.advance(1_000)
  expect(sent).toBe(0)
  ticks.request()
  ticks.stop()
  clock.advance(1_000)
  expect(sent).toBe(0)
})
