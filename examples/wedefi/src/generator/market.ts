// Prices of tokens as correlated random walks: each day a token moves with the market, with its sector and by itself; within a day its path goes
// from one midnight's price to the next as a random walk that is tied at both ends.
//
// Promises: the same seed gives a token the same prices of a day, whichever days and tokens are made besides. Days are those of UTC, from the
// epoch on. Prices are above zero, and have about eight digits that mean something, as text that says them exactly.

import { createRandom } from 'pgstrata-example-kit'
import { sectors, type Token } from './tokens.ts'

export const dayMs = 86_400_000
export const epochMs: number = Date.UTC(2024, 0, 1)

export interface MarketDay {
  /** Since 1970, of midnight. */
  readonly fromMs: number
  /** The first step is at midnight. */
  readonly stepMs: number
  readonly steps: number
  /** As text, of a token by its place. */
  price(step: number, token: number): string
  value(step: number, token: number): number
}

export interface Market {
  readonly tokens: readonly Token[]
  /** `fromMs`: any moment of it. So many prices of each token, as far apart. */
  day(fromMs: number, steps: number): MarketDay
}

/** `untilMs`: no day after that is asked for. */
export function createMarket(
  tokens: readonly Token[],
  { seed, untilMs }: { readonly seed: number; readonly untilMs: number },
): Market {
  const days = Math.max(1, Math.floor((untilMs - epochMs) / dayMs) + 2)
  const walks = dailyWalks(tokens, { seed, days })
  return {
    tokens,
    day: (atMs, steps) => {
      const day = Math.floor((atMs - epochMs) / dayMs)
      if (day < 0 || day + 1 >= days)
        throw new RangeError(
          `A day of the market: expected one from ${new Date(epochMs).toISOString()} to ${new Date(untilMs).toISOString()}`,
        )
      return makeDay(tokens, { walks, seed, day, steps })
    },
  }
}

/** Logarithms of prices at midnight, of each token. */
function dailyWalks(
  tokens: readonly Token[],
  { seed, days }: { readonly seed: number; readonly days: number },
): readonly Float64Array[] {
  const market = normals(mix(seed, 0x6d61726b), days)
  const ofSector = new Map(sectors.map((sector, index) => [sector, normals(mix(seed, 0x73656374, index), days)]))
  return tokens.map(({ firstPrice, moves, sector }, index) => {
    const own = normals(mix(seed, 0x746f6b65, index), days)
    const shared = ofSector.get(sector)
    const walk = new Float64Array(days)
    const begun = Math.log(firstPrice)
    let level = begun
    for (let day = 0; day < days; day++) {
      walk[day] = level
      const change = moves.market * at(market, day) + moves.sector * (shared?.[day] ?? 0) + moves.own * at(own, day)
      // Drawn back a little, so that no price runs away within years; stablecoins more, so that they stay what they are.
      level = begun + (level - begun) * (sector === 'stable' ? 0.9 : 0.998) + change
    }
    return walk
  })
}

interface DayOptions {
  readonly walks: readonly Float64Array[]
  readonly seed: number
  readonly day: number
  readonly steps: number
}

function makeDay(tokens: readonly Token[], { walks, seed, day, steps }: DayOptions): MarketDay {
  const market = bridge(mix(seed, 0x6d646179, day), steps)
  const ofSector = new Map(sectors.map((sector, index) => [sector, bridge(mix(seed, 0x73646179, day, index), steps)]))
  const values = new Float64Array(tokens.length * steps)
  tokens.forEach(({ moves, sector }, index) => {
    const own = bridge(mix(seed, 0x74646179, day, index), steps)
    const shared = ofSector.get(sector)
    const [begun, end] = [walks[index]?.[day] ?? 0, walks[index]?.[day + 1] ?? 0]
    for (let step = 0; step < steps; step++) {
      const noise = moves.market * at(market, step) + moves.sector * (shared?.[step] ?? 0) + moves.own * at(own, step)
      values[step * tokens.length + index] = Math.exp(begun + ((end - begun) * step) / steps + noise)
    }
  })
  const text = (step: number, token: number): string => textOf(values[step * tokens.length + token] ?? 0)
  return {
    fromMs: epochMs + day * dayMs,
    stepMs: dayMs / steps,
    steps,
    price: text,
    value: (step, token) => Number(text(step, token)),
  }
}

/** A random walk of a day that ends where it began. */
function bridge(seed: number, steps: number): Float64Array {
  const walk = normals(seed, steps)
  const scale = 1 / Math.sqrt(steps)
  let level = 0
  for (let step = 0; step < steps; step++) {
    const change = at(walk, step) * scale
    walk[step] = level
    level += change
  }
  for (let step = 0; step < steps; step++) walk[step] = at(walk, step) - (level * step) / steps
  return walk
}

function normals(seed: number, count: number): Float64Array {
  const random = createRandom(seed)
  return Float64Array.from({ length: count }, () => random.normal())
}

const at = (list: Float64Array, index: number): number => list[index] ?? 0

/** As many decimals as eight digits need, from 2 to 12. */
function textOf(price: number): string {
  const decimals = Math.min(12, Math.max(2, 7 - Math.floor(Math.log10(price))))
  return price.toFixed(decimals)
}

/** A seed out of several numbers: others for each of them. */
function mix(...parts: readonly number[]): number {
  let mixed = 0x811c9dc5
  for (const part of parts) {
    mixed = Math.imul(mixed ^ part, 0x01000193)
    mixed = Math.imul(mixed ^ (mixed >>> 15), 0x85ebca6b)
    mixed ^= mixed >>> 13
  }
  return mixed >>> 0
}
