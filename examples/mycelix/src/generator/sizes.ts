// How much is generated. Everything follows from the number of plays, so that a tenth has the shape of the whole.

import { KitError } from 'pgstrata-example-kit'

export interface Sizes {
  readonly plays: number
  readonly payments: number
  readonly songs: number
  readonly artists: number
  readonly listeners: number
  /** The plays lie in so many days, which end now. */
  readonly days: number
}

export const fullPlays = 10_000_000
const mostPlays = 100_000_000

export function sizesOf(plays: number): Sizes {
  if (!Number.isSafeInteger(plays) || plays < 1 || plays > mostPlays)
    throw new KitError(
      `Plays: expected a whole number from 1 to ${mostPlays.toLocaleString('en-US')}, got ${String(plays)}`,
    )
  const scaled = (full: number, least: number): number => Math.max(least, Math.round((full * plays) / fullPlays))
  return {
    plays,
    payments: scaled(1_000_000, 1),
    songs: scaled(5_000, 50),
    artists: scaled(1_000, 10),
    listeners: scaled(50_000, 100),
    days: 365,
  }
}
