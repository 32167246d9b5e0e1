// Rows into tables, by COPY, each part with its bar. A day of snapshots is one COPY for each table.

import { copyRows, type CopyRow, type MakeBar } from 'pgstrata-example-kit'
import type { QueryApi } from 'pgstrata'
import { lockColumns, locksOf } from './locks.ts'
import { dayMs, type Market } from './market.ts'
import { centsOf, portfolioColumns, positionColumns, priceColumns, rowsOfDay, type DayOptions } from './snapshots.ts'
import type { Token } from './tokens.ts'
import type { Wallet } from './wallets.ts'

type Target = Pick<QueryApi, 'copyIn'>

export async function fillTokens(on: Target, tokens: readonly Token[]): Promise<void> {
  const rows = tokens.map(({ id, symbol, name, decimals, chainId, address }): CopyRow => [
    id,
    symbol,
    name,
    decimals,
    chainId,
    address,
  ])
  const columns = ['id', 'symbol', 'name', 'decimals', 'chainId', 'address']
  await copyRows(on, { table: 'Token', columns, rows })
}

export interface WalletsFill {
  readonly wallets: readonly Wallet[]
  readonly market: Market
  readonly seed: number
  readonly now: Date
  readonly bar: MakeBar
}

/** With their balances, at the last prices, and locks. Returns how many balances there are. */
export async function fillWallets(on: Target, { wallets, market, seed, now, bar }: WalletsFill): Promise<number> {
  const progress = bar({ label: 'Wallets', total: wallets.length, unit: 'wallets' })
  const { tokens } = market
  await copyRows(on, {
    table: 'Wallet',
    columns: ['id', 'address', 'label', 'chainId', 'createdAt'],
    rows: wallets.map(({ id, address, label, chainId, createdAtMs }): CopyRow => {
      return [id, address, label, chainId, new Date(createdAtMs)]
    }),
    onRows: (count) => progress.add(count),
  })
  const prices = lastPrices(market, now)
  const balances = await copyRows(on, {
    table: 'TokenBalance',
    columns: ['walletId', 'tokenId', 'quantity', 'usdValue', 'updatedAt'],
    rows: balanceRows(wallets, { tokens, prices, now }),
  })
  const locks = wallets.flatMap((wallet, index) => locksOf(wallet, index, { tokens, seed, now }))
  await copyRows(on, { table: 'GovernanceLock', columns: lockColumns, rows: locks })
  progress.finish()
  return balances
}

function lastPrices(market: Market, now: Date): readonly number[] {
  const steps = 1_440
  const day = market.day(now.getTime(), steps)
  const step = Math.min(steps - 1, Math.floor((now.getTime() - day.fromMs) / day.stepMs))
  return market.tokens.map((_, index) => day.value(step, index))
}

interface BalanceRows {
  readonly tokens: readonly Token[]
  readonly prices: readonly number[]
  readonly now: Date
}

function* balanceRows(wallets: readonly Wallet[], { tokens, prices, now }: BalanceRows): Generator<CopyRow> {
  for (const { id, holdings } of wallets)
    for (const { token, quantity } of holdings)
      yield [id, tokens[token]?.id ?? '', quantity, centsOf(Number(quantity) * (prices[token] ?? 0)), now]
}

export interface Copied {
  readonly prices: number
  readonly portfolios: number
  readonly positions: number
}

/** Two at a time: rows are made in this process while the server takes others. */
export async function fillDay(on: Target, options: DayOptions): Promise<Copied> {
  const { prices, portfolios, positions } = rowsOfDay(options)
  const others = async (): Promise<readonly [number, number]> => [
    await copyRows(on, { table: 'PortfolioSnapshot', columns: portfolioColumns, rows: portfolios }),
    await copyRows(on, { table: 'PositionSnapshot', columns: positionColumns, rows: positions }),
  ]
  const [copied, [ofPortfolios, ofPositions]] = await Promise.all([
    copyRows(on, { table: 'PriceSnapshot', columns: priceColumns, rows: prices }),
    others(),
  ])
  return { prices: copied, portfolios: ofPortfolios, positions: ofPositions }
}

/** Midnights of UTC from then on, the end excluded. */
export function daysBetween(fromMs: number, untilMs: number): readonly number[] {
  const first = Math.floor(fromMs / dayMs) * dayMs
  return Array.from({ length: Math.max(0, Math.ceil((untilMs - first) / dayMs)) }, (_, index) => first + index * dayMs)
}
