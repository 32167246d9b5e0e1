// How late a replica is, from positions and our own clock alone.

import { expect, test } from 'vitest'
import { createLagRing } from '../../../src/db/pool/cluster/lag-ring.ts'

test('a replica that has all there is is not late, however long the primary stands still', () => {
  const ring = createLagRing()
  ring.note(100n, 0)
  ring.note(100n, 60_000)
  expect(ring.lagMs(100n, 90_000)).toBe(0)
  expect(ring.lagMs(200n, 90_000)).toBe(0)
})

test('one behind is as late as the time since the primary left its position', () => {
  const ring = createLagRing()
  ring.note(100n, 0)
  ring.note(100n, 1_000)
  ring.note(200n, 1_025)
  ring.note(300n, 1_050)
  expect(ring.lagMs(100n, 2_000)).toBe(1_000)
  expect(ring.lagMs(150n, 2_000)).toBe(1_000)
  expect(ring.lagMs(200n, 2_000)).toBe(975)
  expect(ring.lagMs(299n, 2_000)).toBe(975)
  expect(ring.lagMs(300n, 2_000)).toBe(0)
  expect(ring.lagMs(100n, 900)).toBe(0)
})

test('of one behind all that is known nothing is known', () => {
  const ring = createLagRing()
  ring.note(100n, 0)
  expect(ring.lagMs(99n, 10)).toBe(Number.POSITIVE_INFINITY)
})

test('the oldest go first, and what is left stays right', () => {
  const ring = createLagRing(4)
  for (let n = 1; n <= 100; n++) ring.note(BigInt(n * 10), n)
  expect(ring.lagMs(10n, 200)).toBe(Number.POSITIVE_INFINITY)
  expect(ring.lagMs(990n, 200)).toBe(101)
  expect(ring.lagMs(1_000n, 200)).toBe(0)
})

test('a position that goes back is not taken in, and clear() forgets', () => {
  const ring = createLagRing()
  ring.note(200n, 10)
  ring.note(100n, 20)
  expect(ring.lagMs(150n, 30)).toBe(Number.POSITIVE_INFINITY)
  ring.clear()
  ring.note(50n, 40)
  expect(ring.lagMs(50n, 50)).toBe(0)
})
