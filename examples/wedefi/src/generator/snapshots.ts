// What is written as time goes on: prices of tokens, values of portfolios and of their positions, in the order of time.
//
// Promises: the same market and wallets give the same rows of a day, whichever days are made besides. A portfolio is worth its quantities at
// the last prices of that moment, to the cent. No row is at `untilMs` or later.

import type { CopyRow } from 'pgstrata-example-kit'
import { dayMs, type Market, type MarketDay } from './market.ts'
import type { Wallet } from './wallets.ts'

export const priceColumns: readonly string[] = ['tokenId', 'priceUsd', 'recordedAt']
export const portfolioColumns: readonly string[] = ['walletId', 'capturedAt', 'totalUsd']
export const positionColumns: readonly string[] = ['walletId', 'tokenId', 'capturedAt', 'quantity', 'usdValue']

export interface Pace {
  /** Of each token. */
  readonly pricesADay: number
  /** Of each wallet. */
  readonly snapshotsADay: number
}

export interface DayRows {
  readonly prices: Iterable<CopyRow>
  readonly portfolios: Iterable<CopyRow>
  /** Of the first moment of the day alone. */
  readonly positions: Iterable<CopyRow>
}

export interface DayOptions {
  readonly market: Market
  readonly wallets: readonly Wallet[]
  /** Of midnight. */
  readonly fromMs: number
  /** Excluded. */
  readonly untilMs: number
  readonly pace: Pace
}

export function rowsOfDay({ market, wallets, fromMs, untilMs, pace }: DayOptions): DayRows {
  const day = market.day(fromMs, pace.pricesADay)
  const endMs = Math.min(untilMs, fromMs + dayMs)
  return {
    prices: pricesOf(market, day, endMs),
    portfolios: portfoliosOf(wallets, { day, endMs, count: pace.snapshotsADay }),
    positions: positionsOf(wallets, { market, day, endMs }),
  }
}

function* pricesOf({ tokens }: Market, day: MarketDay, endMs: number): Generator<CopyRow> {
  for (let step = 0; step < day.steps; step++) {
    const atMs = momentOf(day, step)
    if (atMs >= endMs) return
    const at = new Date(atMs).toISOString()
    for (const [index, { id }] of tokens.entries()) yield [id, day.price(step, index), at]
  }
}

function* portfoliosOf(
  wallets: readonly Wallet[],
  { day, endMs, count }: { readonly day: MarketDay; readonly endMs: number; readonly count: number },
): Generator<CopyRow> {
  for (let slot = 0; slot < count; slot++) {
    const atMs = day.fromMs + Math.floor((slot * dayMs) / count)
    if (atMs >= endMs) return
    const at = new Date(atMs).toISOString()
    const step = stepAt(day, atMs)
    for (const wallet of wallets) yield [wallet.id, at, totalOf(wallet, day, step)]
  }
}

function* positionsOf(
  wallets: readonly Wallet[],
  { market, day, endMs }: { readonly market: Market; readonly day: MarketDay; readonly endMs: number },
): Generator<CopyRow> {
  if (day.fromMs >= endMs) return
  const at = new Date(day.fromMs).toISOString()
  for (const { id, holdings } of wallets)
    for (const { token, quantity } of holdings)
      yield [id, market.tokens[token]?.id ?? '', at, quantity, centsOf(Number(quantity) * day.value(0, token))]
}

function momentOf(day: MarketDay, step: number): number {
  return day.fromMs + Math.floor(step * day.stepMs)
}

/** Of the last prices at that moment. */
function stepAt(day: MarketDay, atMs: number): number {
  const guess = Math.min(day.steps - 1, Math.floor((atMs - day.fromMs) / day.stepMs) + 1)
  return momentOf(day, guess) <= atMs ? guess : guess - 1
}

function totalOf({ holdings }: Wallet, day: MarketDay, step: number): string {
  let total = 0
  for (const { token, quantity } of holdings) total += Number(quantity) * day.value(step, token)
  return centsOf(total)
}

export function centsOf(usd: number): string {
  return usd.toFixed(2)
}
