// First, last, least and greatest of a bucket of time.

import { toUnits } from './amounts.ts'

export const grains = ['hour', 'day', 'week', 'month'] as const
export type Grain = (typeof grains)[number]

export interface Candle {
  readonly bucket: Date
  readonly open: string
  readonly close: string
  readonly low: string
  readonly high: string
  readonly samples: number
}

const hourMs = 3_600_000
const dayMs = 24 * hourMs

/** The least that one takes. */
export const grainMs: Readonly<Record<Grain, number>> = {
  hour: hourMs,
  day: dayMs,
  week: 7 * dayMs,
  month: 28 * dayMs,
}

/** When its bucket begins, in UTC; weeks on Monday. */
export function bucketOf(at: Date, grain: Grain): Date {
  const atMs = at.getTime()
  if (grain === 'month') return new Date(Date.UTC(at.getUTCFullYear(), at.getUTCMonth()))
  // The first of January 1970 was a Thursday.
  const shiftMs = grain === 'week' ? 4 * dayMs : 0
  return new Date(Math.floor((atMs - shiftMs) / grainMs[grain]) * grainMs[grain] + shiftMs)
}

/** Those of one bucket become one. In order of time. */
export function mergeCandles(candles: readonly Candle[]): readonly Candle[] {
  const merged: Candle[] = []
  for (const candle of candles) {
    const standing = merged.at(-1)
    if (standing?.bucket.getTime() !== candle.bucket.getTime()) merged.push(candle)
    else merged[merged.length - 1] = joinCandles(standing, candle)
  }
  return merged
}

function joinCandles(one: Candle, later: Candle): Candle {
  return {
    bucket: one.bucket,
    open: one.open,
    close: later.close,
    low: toUnits(later.low) < toUnits(one.low) ? later.low : one.low,
    high: toUnits(later.high) > toUnits(one.high) ? later.high : one.high,
    samples: one.samples + later.samples,
  }
}
