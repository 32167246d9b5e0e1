// Tokens that wallets have locked for votes: about one wallet in eight has a lock or two.
//
// Promises: the same wallets and seed give the same locks. The voting power is the amount, by how much of four years is left.

import { createRandom, type CopyRow } from 'pgstrata-example-kit'
import { uuidOf } from './ids.ts'
import type { Token } from './tokens.ts'
import type { Wallet } from './wallets.ts'

export const lockColumns: readonly string[] = [
  'id',
  'walletId',
  'protocol',
  'tokenId',
  'amount',
  'votingPower',
  'lockedAt',
  'unlocksAt',
]

const dayMs = 86_400_000
const longestDays = 4 * 365
/** Who takes locks, and of which token. */
const protocols: readonly (readonly [protocol: string, symbol: string])[] = [
  ['Curve', 'CRV'],
  ['Balancer', 'BAL'],
  ['Aave', 'AAVE'],
  ['Synthetix', 'SNX'],
]

export interface LocksOptions {
  readonly tokens: readonly Token[]
  readonly seed: number
  readonly now: Date
}

/** None where none of these tokens is there. */
export function locksOf(
  { id }: Pick<Wallet, 'id'>,
  index: number,
  { tokens, seed, now }: LocksOptions,
): readonly CopyRow[] {
  const random = createRandom(seed ^ Math.imul(index + 1, 0xc2b2ae35))
  const places = protocols.flatMap(([protocol, symbol]) => {
    const token = tokens.find((one) => one.symbol === symbol)
    return token === undefined ? [] : [{ protocol, token }]
  })
  if (places.length === 0 || !random.chance(0.125)) return []
  return Array.from({ length: random.between(1, 2) }, () => {
    const { protocol, token } = random.pick(places)
    const days = random.between(7, longestDays)
    const agoMs = Math.floor(random.next() * days * dayMs)
    const leftDays = days - agoMs / dayMs
    const amount = 10 ** (random.next() * 4)
    return [
      uuidOf(random),
      id,
      protocol,
      token.id,
      amount.toFixed(4),
      ((amount * leftDays) / longestDays).toFixed(4),
      new Date(now.getTime() - agoMs),
      new Date(now.getTime() - agoMs + days * dayMs),
    ]
  })
}
