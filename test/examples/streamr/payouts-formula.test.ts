// The formula and the shares of payouts, without a database: their bounds, their direction, and sums to the last unit.

import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { usualFormula, weigh, weightOf, whole } from '../../../examples/streamr/src/payouts/formula.ts'
import { compareText, shareOut, type Share } from '../../../examples/streamr/src/payouts/share.ts'
import { formatAmount, largestAmount, parseAmount, sumOf } from '../../../examples/streamr/src/money.ts'
import { checkProperty } from '../../support/property.ts'

const share = fc.double({ min: 0, max: 1, noNaN: true })
const someFormula = fc.record({
  factor: share,
  floor: share,
  cap: fc.integer({ min: 0, max: 20 }),
  minimumPolls: fc.integer({ min: 0, max: 10 }),
  minimumContribution: share,
  pollsPerHour: fc.integer({ min: 1, max: 3_600 }),
})
const someCounts = fc
  .record({ ok: fc.nat(5_000), missed: fc.nat(5_000), failed: fc.nat(30) })
  .map(({ ok, missed, failed }) => ({ polls: ok + missed, ok, failed }))
const hoursBack = fc.integer({ min: 1, max: 48 })

describe('the weight of a node', () => {
  test('is a share of a whole, and nothing below the minimum', async () => {
    await checkProperty('bounds', fc.tuple(someFormula, someCounts, hoursBack), ([formula, counts, hours]) => {
      const weight = weightOf(counts, weigh(formula, hours))
      expect(weight >= 0n && weight <= whole).toBe(true)
      if (counts.ok < formula.minimumPolls || counts.ok === 0) expect(weight).toBe(0n)
    })
  })

  test('never gets less by a successful poll, nor more by a failed poll or spot check', async () => {
    await checkProperty('direction', fc.tuple(someFormula, someCounts, hoursBack), ([formula, counts, hours]) => {
      const weighing = weigh(formula, hours)
      const { polls, ok, failed } = counts
      const weight = weightOf(counts, weighing)
      expect(weightOf({ polls: polls + 1, ok: ok + 1, failed }, weighing) >= weight).toBe(true)
      expect(weightOf({ polls: polls + 1, ok, failed }, weighing) <= weight).toBe(true)
      expect(weightOf({ polls, ok, failed: failed + 1 }, weighing) <= weight).toBe(true)
    })
  })

  test('is what the README works out by hand', () => {
    const weighing = weigh(usualFormula, 1)
    expect(weightOf({ polls: 6, ok: 6, failed: 0 }, weighing)).toBe(1_000_000_000n)
    expect(weightOf({ polls: 6, ok: 5, failed: 0 }, weighing)).toBe(694_444_443n)
    expect(weightOf({ polls: 3, ok: 3, failed: 0 }, weighing)).toBe(500_000_000n)
    expect(weightOf({ polls: 6, ok: 6, failed: 2 }, weighing)).toBe(640_000_000n)
    expect(weightOf({ polls: 6, ok: 6, failed: 50 }, weighing)).toBe(107_374_182n)
    expect(weightOf({ polls: 600, ok: 0, failed: 0 }, weighing)).toBe(0n)
    expect(weightOf({ polls: 1_000, ok: 1, failed: 0 }, weighing)).toBe(0n)
  })

  test('refuses a formula that is out of its bounds, and says what it expected', () => {
    expect(() => weigh({ ...usualFormula, factor: 1.1 }, 1)).toThrow('factor: expected a number from 0 to 1, got 1.1')
    expect(() => weigh({ ...usualFormula, cap: 0.5 }, 1)).toThrow(
      'cap: expected a whole number from 0 to 1000, got 0.5',
    )
    expect(() => weigh(usualFormula, 0)).toThrow('hoursBack: expected a whole number from 1 to 8784, got 0')
    expect(() => weigh(usualFormula, Number.NaN)).toThrow('hoursBack')
  })
})

const someShares: fc.Arbitrary<readonly Share[]> = fc
  .uniqueArray(fc.tuple(fc.string(), fc.oneof(fc.constantFrom(0n, 1n, 2n, 3n), fc.bigInt(0n, whole))), {
    selector: ([nodeId]) => nodeId,
    maxLength: 40,
  })
  .map((shares) => shares.map(([nodeId, weight]) => ({ nodeId, weight })))
const somePool = fc.oneof(fc.bigInt(0n, 100n), fc.bigInt(0n, largestAmount))

/** By the definition: sorted as a whole, one unit each from the front. */
function shareByDefinition(pool: bigint, shares: readonly Share[]): readonly bigint[] {
  const all = sumOf(shares.map(({ weight }) => weight))
  if (all === 0n) return shares.map(() => 0n)
  const parts = shares.map(({ nodeId, weight }) => ({
    nodeId: Buffer.from(nodeId),
    amount: (pool * weight) / all,
    fraction: (pool * weight) % all,
  }))
  const left = Number(pool - sumOf(parts.map(({ amount }) => amount)))
  const order = parts.toSorted((one, other) =>
    one.fraction === other.fraction ? Buffer.compare(one.nodeId, other.nodeId) : one.fraction > other.fraction ? -1 : 1,
  )
  const chosen = new Set(order.slice(0, left))
  return parts.map((part) => part.amount + (chosen.has(part) ? 1n : 0n))
}

describe('the shares of a pool', () => {
  test('sum up to it exactly, by largest remainder', async () => {
    await checkProperty('sums', fc.tuple(somePool, someShares), ([pool, shares]) => {
      const amounts = shareOut(pool, shares)
      expect(amounts).toEqual(shareByDefinition(pool, shares))
      const isPaid = shares.some(({ weight }) => weight > 0n)
      expect(sumOf(amounts)).toBe(isPaid ? pool : 0n)
      shares.forEach(({ weight }, index) => {
        if (weight === 0n) expect(amounts[index]).toBe(0n)
      })
    })
  })

  test('do not depend on the order in which nodes come', async () => {
    await checkProperty('order', fc.tuple(somePool, someShares), ([pool, shares]) => {
      expect(shareOut(pool, shares.toReversed()).toReversed()).toEqual(shareOut(pool, shares))
    })
  })

  test('never get less for a node whose weight grows, nor more for one whose weight falls', async () => {
    const some = fc.tuple(somePool, someShares, fc.nat(), fc.bigInt(0n, whole))
    await checkProperty('own weight', some, ([pool, shares, pick, weight]) => {
      const index = shares.length === 0 ? 0 : pick % shares.length
      const chosen = shares[index]
      if (chosen === undefined) return
      const before = shareOut(pool, shares)[index] ?? 0n
      const after = shareOut(pool, shares.with(index, { ...chosen, weight }))[index] ?? 0n
      if (weight >= chosen.weight) expect(after >= before).toBe(true)
      if (weight <= chosen.weight) expect(after <= before).toBe(true)
    })
  })

  test('names are in the order of their bytes, as the server has them', async () => {
    const text = fc.string({ unit: 'binary' })
    await checkProperty('bytes', fc.tuple(text, text, text), ([before, one, other]) => {
      const bytes = Buffer.compare(Buffer.from(before + one), Buffer.from(before + other))
      expect(Math.sign(compareText(before + one, before + other))).toBe(bytes)
    })
    expect(compareText('\u{1F600}', '\uFFFD')).toBeGreaterThan(0)
  })

  test('of equal fractions, the unit that is left goes by name', () => {
    const shares = ['c', 'a', 'b'].map((nodeId) => ({ nodeId, weight: 1n }))
    expect(shareOut(4n, shares)).toEqual([1n, 2n, 1n])
    expect(() => shareOut(-1n, shares)).toThrow('0 or more')
  })
})

describe('amounts', () => {
  test('are read and written as they are, and anything else is refused', async () => {
    await checkProperty('amounts', fc.bigInt(-largestAmount, largestAmount), (amount) => {
      expect(parseAmount(formatAmount(amount))).toBe(amount)
    })
    for (const text of ['', '1.5', '1e3', ' 1', '0x1', '9'.repeat(39)]) expect(() => parseAmount(text)).toThrow('whole')
  })
})
