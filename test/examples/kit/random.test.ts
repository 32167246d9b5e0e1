// Generated data is the same for the same seed, and has the shape it is said to have.

import fc from 'fast-check'
import {
  createRandom,
  createTimeOfDay,
  createWeighted,
  createZipf,
  eveningHours,
  type Sampler,
} from 'pgstrata-example-kit'
import { expect, test } from 'vitest'
import { checkProperty } from '../../support/property.ts'

const draws = 200_000

function countsOf(sample: Sampler, size: number): number[] {
  const counts = Array.from({ length: size }, () => 0)
  for (let draw = 0; draw < draws; draw++) {
    const index = sample()
    counts[index] = (counts[index] ?? 0) + 1
  }
  return counts
}

/** Six standard deviations: less often wrong than the machine. The seed is fixed anyway. */
function expectShares(counts: readonly number[], weights: readonly number[]): void {
  const total = weights.reduce((sum, weight) => sum + weight, 0)
  weights.forEach((weight, index) => {
    const share = weight / total
    const deviation = Math.sqrt(share * (1 - share) * draws)
    expect(Math.abs((counts[index] ?? 0) - share * draws), `index ${index}`).toBeLessThanOrEqual(6 * deviation)
  })
}

test('the numbers of a seed never change', () => {
  const random = createRandom(42)
  const first = Array.from({ length: 4 }, () => random.int(1_000_000))
  expect(first).toEqual([162_016, 709_358, 271_716, 472_697])
  const again = createRandom(42)
  expect(Array.from({ length: 4 }, () => again.int(1_000_000))).toEqual(first)
  const other = createRandom(43)
  expect(Array.from({ length: 4 }, () => other.int(1_000_000))).not.toEqual(first)
})

test('any seed gives numbers within their bounds', async () => {
  const input = fc.record({
    seed: fc.integer(),
    least: fc.integer({ min: -1000, max: 1000 }),
    span: fc.integer({ min: 0, max: 1000 }),
  })
  await checkProperty('random', input, ({ seed, least, span }) => {
    const random = createRandom(seed)
    for (let draw = 0; draw < 50; draw++) {
      const value = random.between(least, least + span)
      const share = random.next()
      if (!Number.isInteger(value) || value < least || value > least + span || share < 0 || share >= 1) return false
    }
    return true
  })
})

test('a fork is not changed by what its parent is asked afterwards', () => {
  const [left, right] = [createRandom(7), createRandom(7)]
  const [forkedLeft, forkedRight] = [left.fork(), right.fork()]
  right.next()
  expect([forkedLeft.next(), forkedLeft.next()]).toEqual([forkedRight.next(), forkedRight.next()])
  expect(left.next()).not.toBe(forkedLeft.next())
})

test('normal numbers have mean 0 and standard deviation 1', () => {
  const random = createRandom(1)
  let [sum, squares] = [0, 0]
  for (let draw = 0; draw < draws; draw++) {
    const value = random.normal()
    sum += value
    squares += value * value
  }
  expect(Math.abs(sum / draws)).toBeLessThan(0.02)
  expect(Math.abs(squares / draws - 1)).toBeLessThan(0.02)
})

test('weights and the power law are met', () => {
  const weights = [5, 0, 1, 0.25, 3]
  const counts = countsOf(createWeighted(weights, createRandom(2)), weights.length)
  expect(counts[1]).toBe(0)
  expectShares(counts, weights)
  const zipf = countsOf(createZipf({ size: 1_000, exponent: 1.1, random: createRandom(3) }), 1_000)
  expectShares(
    zipf,
    Array.from({ length: 1_000 }, (_, index) => (index + 1) ** -1.1),
  )
})

test('hours of a day are as busy as they are said to be', () => {
  const timeOfDay = createTimeOfDay(createRandom(4))
  expectShares(
    countsOf(() => Math.floor(timeOfDay() / 3_600_000), 24),
    eveningHours,
  )
})

test('what cannot be sampled from is refused', () => {
  const random = createRandom(5)
  for (const weights of [[], [0, 0], [1, -1], [Number.NaN]]) {
    expect(() => createWeighted(weights, random)).toThrow('Weights: expected numbers of at least 0')
  }
  expect(() => createTimeOfDay(random, [1, 2])).toThrow('expected 24 weights, got 2')
  expect(() => random.pick([])).toThrow('expected a list with something in it')
})
