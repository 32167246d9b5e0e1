// Counters of partitions that come, go and are reset, added up: never less than before, and never more than there was.

import fc from 'fast-check'
import { expect, test } from 'vitest'
import { createGrowth } from '../../../src/watch/probes/growth.ts'
import { checkProperty } from '../../support/property.ts'

interface Step {
  readonly does: 'count' | 'make' | 'drop' | 'attach' | 'clear' | 'look' | 'reset'
  readonly part: number
  readonly times: number
}

const does = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom('count' as const, 'look' as const) },
  { weight: 2, arbitrary: fc.constantFrom('make' as const, 'drop', 'attach', 'clear') },
  { weight: 1, arbitrary: fc.constant('reset' as const) },
)
const step: fc.Arbitrary<Step> = fc.record({ does, part: fc.nat({ max: 5 }), times: fc.integer({ min: 1, max: 9 }) })

test('what is told never falls but for a reset, and never says more than was counted', async () => {
  await checkProperty(
    'counters of partitions',
    fc.array(step, { maxLength: 80 }),
    (steps) => {
      const growth = createGrowth()
      const parts = new Map([[0, 3]])
      let attached = 10
      let epoch = 0
      let counted = 0
      let told: { readonly epoch: number; readonly first: number; readonly value: number } | undefined
      const look = (): void => {
        const numbers = new Map([...parts].map(([one, count]) => [String(one), count]))
        const value = growth.add('n', String(epoch), new Map([['t', numbers]])).get('t') ?? Number.NaN
        const sum = [...parts.values()].reduce((all, one) => all + one, 0)
        if (told?.epoch !== epoch) {
          told = { epoch, first: sum, value }
          counted = 0
        }
        expect(value).toBeGreaterThanOrEqual(told.value)
        expect(value).toBeLessThanOrEqual(told.first + counted)
        told = { ...told, value }
      }
      look()
      for (const one of steps) {
        if (one.does === 'look') look()
        else if (one.does === 'reset') {
          epoch++
          for (const name of parts.keys()) parts.set(name, 0)
        } else if (one.does === 'drop') parts.delete(one.part)
        else if (one.does === 'clear') parts.set(one.part, 0)
        else if (one.does === 'make') parts.set(one.part, parts.get(one.part) ?? 0)
        // With what it has counted elsewhere, which is nothing of this table's.
        else if (one.does === 'attach') parts.set(attached++, 1_000)
        else if (parts.has(one.part)) {
          parts.set(one.part, (parts.get(one.part) ?? 0) + one.times)
          counted += one.times
        }
      }
      look()
    },
    { runs: 200 },
  )
})

test('of parts that stay, it is just what was counted', () => {
  const growth = createGrowth()
  const of = (...counts: readonly number[]): number | undefined =>
    growth.add('n', 'a', new Map([['t', new Map(counts.map((count, index) => [String(index), count]))]])).get('t')
  expect(of(5, 7)).toBe(12)
  expect(of(6, 9)).toBe(15)
  // The second one is dropped.
  expect(of(8)).toBe(17)
  expect(of(8, 4)).toBe(17)
  expect(of(8, 5)).toBe(18)
})
