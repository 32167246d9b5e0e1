// Shares of what was added: told where there is enough to tell, and not for long after that.

import { expect, test } from 'vitest'
import { createShares } from '../../../src/watch/probes/shares.ts'

const epoch = 'since the start'

test('a share is that of what was added since there was enough to tell; at first, since the beginning', () => {
  const shares = createShares({ least: 100, staysFor: 3 })
  expect(shares.of('primary', epoch, { part: 90, rest: 10 })).toBe(0.9)
  expect(shares.of('primary', epoch, { part: 90, rest: 60 })).toBe(0.9)
  expect(shares.of('primary', epoch, { part: 90, rest: 110 })).toBe(0)
  expect(shares.of('other', epoch, { part: 9, rest: 10 })).toBe(undefined)
})

test('what was bad before a server became idle is told for a few readings more, and then not', () => {
  const shares = createShares({ least: 100, staysFor: 3 })
  const idle = { part: 10, rest: 190 }
  const told = [1, 2, 3, 4, 5, 6].map(() => shares.of('primary', epoch, idle))
  expect(told).toEqual([0.05, 0.05, 0.05, 0.05, undefined, undefined])
  // Little by little it is enough.
  expect(shares.of('primary', epoch, { part: 70, rest: 190 })).toBe(undefined)
  expect(shares.of('primary', epoch, { part: 130, rest: 190 })).toBe(1)
})

test('after statistics were set back nothing is known but what was counted since', () => {
  const shares = createShares({ least: 100, staysFor: 3 })
  expect(shares.of('primary', epoch, { part: 0, rest: 500 })).toBe(0)
  expect(shares.of('primary', 'since a reset', { part: 5, rest: 5 })).toBe(undefined)
  expect(shares.of('primary', 'since a reset', { part: 105, rest: 5 })).toBe(1)
})
