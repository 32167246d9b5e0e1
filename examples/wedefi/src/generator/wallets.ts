// Wallets and what they hold: a few very rich ones among many that have little, a few tokens that nearly everybody has.
//
// Promises: the same seed gives the same wallets, whatever prices are; a wallet is the same however many there are besides. Each holds a token
// once at most, and one token at least.

import { createRandom, type Random, type Sampler } from 'pgstrata-example-kit'
import { addressOf, uuidOf } from './ids.ts'
import type { Token } from './tokens.ts'

interface Holding {
  /** The place of the token. */
  readonly token: number
  readonly quantity: string
}

export interface Wallet {
  readonly id: string
  readonly address: string
  readonly label: string | null
  readonly chainId: number
  readonly createdAtMs: number
  readonly holdings: readonly Holding[]
}

export interface WalletsOptions {
  readonly count: number
  readonly tokens: readonly Token[]
  readonly seed: number
  readonly now: Date
}

const yearMs = 365 * 86_400_000
const chains = [1, 1, 1, 10, 137, 8_453, 42_161]
const labels = ['Treasury', 'Savings', 'Trading', 'Team', 'Cold storage', 'Vault', 'Payroll', 'Research']
const mostHoldings = 40

/** The oldest first. */
export function* makeWallets({ count, tokens, seed, now }: WalletsOptions): Generator<Wallet> {
  for (let index = 0; index < count; index++) {
    const random = createRandom(seed ^ Math.imul(index + 1, 0x85ebca6b))
    const createdAtMs = Math.floor(now.getTime() - 2 * yearMs + ((2 * yearMs - 1_000) * index) / count)
    yield {
      id: uuidOf(random),
      address: addressOf(random),
      label: random.chance(0.3) ? `${random.pick(labels)} ${index + 1}` : null,
      chainId: random.pick(chains),
      createdAtMs,
      holdings: holdingsOf(tokens, random),
    }
  }
}

/** Which tokens are held most: drawn again and again, so made once. */
const popularity = new WeakMap<readonly Token[], readonly number[]>()

function holdingsOf(tokens: readonly Token[], random: Random): readonly Holding[] {
  const size = Math.min(tokens.length, mostHoldings, 1 + Math.floor(paretoOf(random, 1.1, 30)))
  const worth = 40 * paretoOf(random, 0.75, 1e6)
  const chosen = new Set<number>()
  const pick = pickerOf(tokens, random)
  while (chosen.size < size) chosen.add(pick())
  const shares = [...chosen].map(() => 0.05 + random.next())
  const whole = shares.reduce((sum, share) => sum + share, 0)
  return [...chosen].map((token, index) => {
    const usd = (worth * (shares[index] ?? 0)) / whole
    return { token, quantity: quantityOf(usd / (tokens[token]?.firstPrice ?? 1)) }
  })
}

/** From 1 on, and at most so much: the tail falls by the exponent. */
function paretoOf(random: Random, exponent: number, most: number): number {
  return Math.min(most, (1 - random.next()) ** (-1 / exponent))
}

function pickerOf(tokens: readonly Token[], random: Random): Sampler {
  let sums = popularity.get(tokens)
  if (sums === undefined) {
    let sum = 0
    sums = tokens.map((_, index) => (sum += 1 / (index + 1)))
    popularity.set(tokens, sums)
  }
  const known = sums
  const whole = known.at(-1) ?? 1
  return () => firstAbove(known, random.next() * whole)
}

function firstAbove(sums: readonly number[], value: number): number {
  let [low, high] = [0, sums.length - 1]
  while (low < high) {
    const middle = (low + high) >> 1
    if ((sums[middle] ?? 0) > value) high = middle
    else low = middle + 1
  }
  return low
}

function quantityOf(quantity: number): string {
  return quantity.toFixed(quantity > 1_000 ? 2 : 8)
}
