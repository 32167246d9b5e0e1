// What wallets hold, and the nonces of those who logged in just now.
//
// Promises: the same people, seed and moment give the same rows. Amounts are whole units of a token, as the chains count them.

import { createRandom, type CopyRow, type Random } from 'pgstrata-example-kit'
import { tokens, type TokenName } from '../balances/tokens.ts'
import { hexOf, type Person } from './people.ts'
import type { Sizes } from './sizes.ts'

export const balanceColumns: readonly string[] = ['address', 'token', 'amount', 'updated_at']
export const nonceColumns: readonly string[] = ['nonce', 'address', 'purpose', 'created_at', 'expires_at', 'used_at']

export interface HoldingOptions {
  readonly people: readonly Person[]
  readonly sizes: Sizes
  readonly seed: number
  readonly now: Date
}

const minuteMs = 60_000
const hourMs = 60 * minuteMs
/** Digits behind the point, where they are not 18. */
const decimals: Readonly<Partial<Record<TokenName, number>>> = { USDC: 6, USDT: 6, WBTC: 8 }

/** Six in ten wallets hold something, of one to four tokens. */
export function* balancesOf({ people, seed, now }: HoldingOptions): Generator<CopyRow> {
  const random = createRandom(seed ^ 0x62616c61)
  for (const { address } of people) {
    if (!random.chance(0.6)) continue
    const start = random.int(tokens.length)
    const count = random.between(1, 4)
    for (let offset = 0; offset < count; offset++) {
      const token = tokens[(start + offset) % tokens.length] ?? 'ETH'
      yield [address, token, amountOf(token, random), new Date(now.getTime() - random.int(hourMs))]
    }
  }
}

function amountOf(token: TokenName, random: Random): bigint {
  const millis = BigInt(Math.round(1_000 * Math.exp(random.normal() * 1.8 + 4)))
  return (millis * 10n ** BigInt(decimals[token] ?? 18)) / 1_000n + BigInt(random.int(1_000))
}

/** Of the last eight minutes, five of which a nonce lives: most were used within seconds, some are past their time. */
export function* noncesOf({ people, sizes, seed, now }: HoldingOptions): Generator<CopyRow> {
  const random = createRandom(seed ^ 0x6e6f6e63)
  for (let count = 0; count < sizes.nonces; count++) {
    const createdAt = now.getTime() - 1 - random.int(8 * minuteMs)
    const usedAt = createdAt + 500 + random.int(20_000)
    yield [
      hexOf(random, 32).slice(2),
      random.pick(people).address,
      'login',
      new Date(createdAt),
      new Date(createdAt + 5 * minuteMs),
      usedAt < now.getTime() && random.chance(0.9) ? new Date(usedAt) : null,
    ]
  }
}
