// Histograms: how far off a quantile is, that merging is adding up, and that what is stored is what was recorded.

import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { binCount, binOf, binsPerDoubling, Histogram, middleOfBinMs, relativeError } from '../../../src/watch/index.ts'
import { checkProperty } from '../../support/property.ts'

/** From a microsecond to an hour, evenly in orders of magnitude. */
const duration = fc
  .double({ min: 0, max: Math.log(3_600_000 / 0.001), noNaN: true })
  .map((log) => 0.001 * Math.exp(log))
const calls = fc.array(fc.tuple(duration, fc.boolean()), { minLength: 1, maxLength: 200 })
const shares = [0, 0.01, 0.5, 0.95, 0.99, 1]

function histogramOf(recorded: readonly (readonly [number, boolean])[]): Histogram {
  const histogram = new Histogram()
  for (const [durationMs, isFailure] of recorded) histogram.record(durationMs, isFailure)
  return histogram
}

function plain(histogram: Histogram): object {
  const { count, failed, sumUs, minMs, maxMs } = histogram
  return { count, failed, sumUs, minMs, maxMs, bins: histogram.bins() }
}

function merged(...histograms: readonly Histogram[]): Histogram {
  const sum = new Histogram()
  for (const one of histograms) sum.merge(one)
  return sum
}

describe('a histogram', () => {
  test('says a quantile within its stated error of the duration at that rank', async () => {
    expect(relativeError).toBeLessThan(0.045)
    await checkProperty('quantiles', calls, (recorded) => {
      const sorted = recorded.map(([durationMs]) => durationMs).toSorted((a, b) => a - b)
      const histogram = histogramOf(recorded)
      for (const share of shares) {
        const exact = sorted[Math.max(1, Math.ceil(share * sorted.length)) - 1] as number
        expect(Math.abs(histogram.quantileMs(share) - exact) / exact).toBeLessThanOrEqual(relativeError + 1e-9)
      }
    })
  })

  test('merges in any order and grouping to the same', async () => {
    await checkProperty('merges', fc.tuple(calls, calls, calls), ([first, second, third]) => {
      const [a, b, c] = [histogramOf(first), histogramOf(second), histogramOf(third)]
      const all = plain(histogramOf([...first, ...second, ...third]))
      expect(plain(merged(merged(a, b), c))).toEqual(all)
      expect(plain(merged(a, merged(b, c)))).toEqual(all)
      expect(plain(merged(c, a, b))).toEqual(all)
    })
  })

  test('is stored as bins that add up to what was recorded', async () => {
    await checkProperty('bins', calls, (recorded) => {
      const histogram = histogramOf(recorded)
      const bins = histogram.bins()
      const sum = (of: 'calls' | 'errors' | 'seconds'): number => bins.reduce((total, bin) => total + bin[of], 0)
      expect(sum('calls')).toBe(recorded.length)
      expect(sum('errors')).toBe(recorded.filter(([, isFailure]) => isFailure).length)
      expect(sum('seconds')).toBeCloseTo(histogram.sumUs / 1_000_000, 6)
      expect(bins.every(({ bin }) => Number.isInteger(bin) && bin >= 0 && bin < 32_768)).toBe(true)
    })
  })

  test('takes what is beyond its range, and what is no duration, into its outer bins', () => {
    expect([0, -1, Number.NaN, 0.0005].map(binOf)).toEqual([0, 0, 0, 0])
    expect([1e9, Number.POSITIVE_INFINITY].map(binOf)).toEqual([binCount - 1, binCount - 1])
    const histogram = histogramOf([[7_200_000, false]])
    expect(histogram.quantileMs(0.5)).toBe(7_200_000)
    expect(new Histogram().quantileMs(0.5)).toBe(0)
    expect(new Histogram().averageMs).toBe(0)
  })

  test('has eight bins to a doubling, each around its middle', () => {
    expect(binOf(2) - binOf(1)).toBe(binsPerDoubling)
    for (let bin = 0; bin < binCount - 1; bin++) expect(binOf(middleOfBinMs(bin))).toBe(bin)
  })

  test('forgets everything when it is cleared', () => {
    const histogram = histogramOf([[5, true]])
    histogram.clear()
    expect(plain(histogram)).toEqual(plain(new Histogram()))
  })
})
