// What a balance has to be before anything of it is sent: nothing negative, nothing that the columns would round or cannot hold, and
// nothing that is not known.

import { badInput } from 'pgstrata-example-kit'
import { isAmount, type AmountLimits } from './amounts.ts'

export interface BalanceData {
  readonly walletId: string
  readonly tokenId: string
  /** Decimal numbers as text. */
  readonly quantity: string
  readonly usdValue: string
  /** When it was so. Default: now, by the clock of the server. */
  readonly updatedAt?: Date | undefined
}

const known: ReadonlySet<string> = new Set(['walletId', 'tokenId', 'quantity', 'usdValue', 'updatedAt'])
const limits = {
  quantity: { whole: 20, fraction: 18 },
  usdValue: { whole: 16, fraction: 8 },
} as const satisfies Readonly<Record<string, AmountLimits>>

/** A clock that is ahead by more would keep every later balance out until then. */
const mostAheadMs = 60_000

export function checkBalance(given: BalanceData): BalanceData {
  if (typeof given !== 'object' || given === null) throw badInput({ where: 'balanceData', expected: 'an object' })
  for (const name of Object.keys(given))
    if (!known.has(name)) throw badInput({ where: 'balanceData', expected: `nothing but ${[...known].join(', ')}` })
  for (const name of ['walletId', 'tokenId'] as const)
    if (!isId(given[name])) throw badInput({ where: `balanceData.${name}`, expected: 'an id, as text' })
  for (const name of ['quantity', 'usdValue'] as const) {
    const { whole, fraction } = limits[name]
    if (isAmount(given[name], limits[name])) continue
    throw badInput({
      where: `balanceData.${name}`,
      expected: `a decimal number as text, zero or more, with up to ${whole} digits before the point and ${fraction} behind it`,
    })
  }
  const { updatedAt } = given
  if (updatedAt === undefined) return given
  const isMoment = updatedAt instanceof Date && updatedAt.getTime() <= Date.now() + mostAheadMs
  if (!isMoment) throw badInput({ where: 'balanceData.updatedAt', expected: 'a time that is not ahead of now' })
  return given
}

function isId(given: unknown): boolean {
  return typeof given === 'string' && given.length > 0 && given.length <= 200 && !given.includes('\0')
}
