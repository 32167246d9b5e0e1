// How much is generated. Everything follows from the scale, so that a tenth has the shape of the whole: a year and a month of prices, the older
// the fewer, many wallets, and a few of them whose values are followed.

import { KitError } from 'pgstrata-example-kit'
import type { Pace } from './snapshots.ts'

export interface Sizes {
  readonly tokens: number
  readonly wallets: number
  /** The first of them, of which there are snapshots. */
  readonly followed: number
  /** Whole months before that of now. */
  readonly months: number
}

const fullSize: Sizes = { tokens: 500, wallets: 20_000, followed: 100, months: 13 }

export function sizesOf(scale: number, changed: Partial<Sizes> = {}): Sizes {
  if (!(scale > 0 && scale <= 10)) throw new KitError(`--scale: expected a number above 0 and at most 10, got ${scale}`)
  const scaled = (count: number, least: number): number => Math.max(least, Math.round(count * scale))
  return {
    tokens: scaled(fullSize.tokens, 20),
    wallets: scaled(fullSize.wallets, 20),
    followed: scaled(fullSize.followed, 5),
    months: fullSize.months,
    ...changed,
  }
}

const recent: Pace = { pricesADay: 100, snapshotsADay: 288 }
const monthly: Pace = { pricesADay: 24, snapshotsADay: 24 }
const older: Pace = { pricesADay: 6, snapshotsADay: 6 }

/** In earnest each day has as many as the last two. */
export function paceOf(ageDays: number): Pace {
  if (ageDays < 2) return recent
  return ageDays < 31 ? monthly : older
}
