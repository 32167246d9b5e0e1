// Balances of wallets: read by everybody, written in batches by those who read them off the chains.
//
// Promises: amounts are whole units of a token, as text, and never rounded. A batch that comes late overwrites nothing newer, and one that
// comes twice changes nothing. It is written in one statement, whole or not at all.

import { layers, type Query } from '../db/query.ts'
import { balancesOf, knownWallets, upsertBalances } from '../db/statements/balances.ts'
import { tokens, type TokenName } from './tokens.ts'

export interface Balance {
  readonly token: string
  readonly amount: string
  readonly updated_at: Date
}

export async function readBalances(query: Query, address: string): Promise<readonly Balance[]> {
  const { rows } = await query<Balance>(balancesOf.text, [address, tokens], layers.balance(address, tokens))
  return rows
}

export interface GivenBalance {
  readonly address: string
  readonly token: TokenName
  readonly amount: string
  /** Of the moment at which it was read. */
  readonly at: Date
}

export interface WrittenBalances {
  readonly written: number
  /** Where what is there is as new, or newer. */
  readonly kept: number
  /** Wallets that nobody has signed in with. */
  readonly unknown: readonly string[]
}

export async function writeBalances(query: Query, given: readonly GivenBalance[]): Promise<WrittenBalances> {
  const newest = newestOfEach(given)
  const { rows } = await query<{ address: string }>(knownWallets.text, [
    [...new Set(newest.map(({ address }) => address))],
  ])
  const known = new Set(rows.map(({ address }) => address))
  const sent = newest.filter(({ address }) => known.has(address))
  const { rowCount } = await query(upsertBalances.text, [
    sent.map(({ address }) => address),
    sent.map(({ token }) => token),
    sent.map(({ amount }) => amount),
    sent.map(({ at }) => at.toISOString()),
  ])
  const unknown = new Set(newest.filter(({ address }) => !known.has(address)).map(({ address }) => address))
  return { written: rowCount, kept: sent.length - rowCount, unknown: [...unknown] }
}

/** A statement takes each row once; of several the newest, and of those the last. */
function newestOfEach(given: readonly GivenBalance[]): readonly GivenBalance[] {
  const rows = new Map<string, GivenBalance>()
  for (const one of given) {
    const key = `${one.address} ${one.token}`
    const before = rows.get(key)
    if (before === undefined || before.at.getTime() <= one.at.getTime()) rows.set(key, one)
  }
  return [...rows.values()]
}
