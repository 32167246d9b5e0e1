// The score: within its bounds, never better for one finding more or a graver one, and re-weighted where something could not be asked.

import fc from 'fast-check'
import { expect, test } from 'vitest'
import {
  cappedScore,
  categories,
  categoryWeights,
  checks,
  scoreOf,
  type Check,
  type Gravity,
} from '../../../src/advise/index.ts'
import { checkProperty } from '../../support/property.ts'

const gravities: readonly Gravity[] = ['note', 'warn', 'critical']

interface Asked {
  readonly check: Check
  readonly findings: readonly { readonly gravity: Gravity }[]
}

const asked: fc.Arbitrary<readonly Asked[]> = fc
  .subarray([...checks], { minLength: 1 })
  .chain((some) =>
    fc.tuple(
      ...some.map((check) =>
        fc
          .array(fc.constantFrom(...gravities), { maxLength: 4 })
          .map((found) => ({ check, findings: found.map((gravity) => ({ gravity })) })),
      ),
    ),
  )

const value = (all: readonly Asked[]): number => scoreOf(all).value ?? Number.NaN

test('weights come to 100, and every category has a check', () => {
  expect(Object.values(categoryWeights).reduce((sum, weight) => sum + weight, 0)).toBe(100)
  for (const category of categories)
    expect(
      checks.some((check) => check.category === category),
      category,
    ).toBe(true)
})

test('without findings it is 100, of whatever could be asked', async () => {
  await checkProperty('score without findings', asked, (all) => {
    const well = all.map(({ check }) => ({ check, findings: [] }))
    expect(value(well)).toBe(100)
    const sum = scoreOf(well).categories.reduce((total, { weight }) => total + weight, 0)
    expect(sum).toBeCloseTo(100, 9)
  })
})

test('nothing asked: no score', () => {
  expect(scoreOf([])).toEqual({ value: undefined, categories: [], unknown: categories, cappedBy: [] })
})

test('one finding more, or a graver one, is never better; nothing leaves 0 to 100', async () => {
  await checkProperty(
    'score is monotone',
    fc.record({ all: asked, place: fc.nat(), gravity: fc.constantFrom(...gravities) }),
    ({ all, place, gravity }) => {
      const before = value(all)
      expect(before).toBeGreaterThanOrEqual(0)
      expect(before).toBeLessThanOrEqual(100)
      const index = place % all.length
      const more = all.map((one, at) => (at === index ? { ...one, findings: [...one.findings, { gravity }] } : one))
      expect(value(more)).toBeLessThanOrEqual(before)
      const graver = all.map((one, at) =>
        at === index ? { ...one, findings: one.findings.map(() => ({ gravity: 'critical' as const })) } : one,
      )
      expect(value(graver)).toBeLessThanOrEqual(before)
    },
    { runs: 500 },
  )
})

test('the same finding twice, or on a second node, costs no more', async () => {
  await checkProperty('score counts a check once', asked, (all) => {
    expect(value([...all, ...all])).toBe(value(all))
  })
})

test('a category that could not be asked leaves its weight to the others', () => {
  const of = (name: string, ...found: Gravity[]): Asked => {
    const check = checks.find((one) => one.name === name)
    if (check === undefined) throw new Error(name)
    return { check, findings: found.map((gravity) => ({ gravity })) }
  }
  // Updates weigh 3 and bloat 7: of the two alone 30 and 70.
  expect(value([of('hot-updates', 'warn'), of('table-bloat')])).toBe(Math.round(100 - 30 * 0.25))
  expect(scoreOf([of('hot-updates'), of('table-bloat')]).unknown).toContain('indexes')
})

test('what caps holds it at 30 or below, whatever else is well; its warnings do not', async () => {
  const capping = checks.filter(({ caps }) => caps)
  expect(capping.map(({ name }) => name).toSorted()).toEqual([
    'autovacuum-off',
    'checksum-failures',
    'disk-used',
    'freeze-age',
    'multixact-age',
    'narrow-primary-key',
    'sequence-used',
  ])
  for (const check of capping) {
    const others = checks.map((one) => ({ check: one, findings: [] as { gravity: Gravity }[] }))
    const critical = scoreOf([...others, { check, findings: [{ gravity: 'critical' }] }])
    expect(critical.value).toBeLessThanOrEqual(cappedScore)
    expect(critical.cappedBy).toEqual([check.name])
    expect(value([...others, { check, findings: [{ gravity: 'warn' }] }])).toBeGreaterThan(cappedScore)
  }
  await checkProperty('capped score', asked, (all) => {
    if (scoreOf(all).cappedBy.length > 0) expect(value(all)).toBeLessThanOrEqual(cappedScore)
  })
})
