// A database of wedefi with a life behind it: tokens, wallets, what they hold, and more than a year of prices and of portfolios.
//
// Promises: the same seed, scale and moment give the same rows. A database that has wallets is left as it is, unless the caller says what is to
// become of them. All rollups are current at the end. Each day of a table is one COPY; where it was stopped in between, what is there
// stays, and the next call has to say `reset`.

import { KitError, silent, stopIfAsked, type MakeBar } from 'pgstrata-example-kit'
import { sql, type Strata } from 'pgstrata'
import { daysBetween, fillDay, fillTokens, fillWallets } from './fill.ts'
import { createMarket, dayMs, type Market } from './market.ts'
import { paceOf, sizesOf, type Sizes } from './sizes.ts'
import { makeTokens } from './tokens.ts'
import { makeWallets, type Wallet } from './wallets.ts'

export interface GenerateOptions {
  /** 1 is the full size: 500 tokens, 20,000 wallets. */
  readonly scale?: number
  readonly seed?: number
  /** Up to then. Default: now. */
  readonly now?: Date
  /** What becomes of wallets that are there. Default: `refuse`. */
  readonly existing?: 'refuse' | 'reset'
  readonly sizes?: Partial<Sizes>
  /** Makes the bar of a part of the work. Default: none is shown. */
  readonly progress?: MakeBar
  /** Stops it between two days; what is in by then stays. */
  readonly signal?: AbortSignal
}

export interface GenerateReport {
  readonly tokens: number
  readonly wallets: number
  readonly balances: number
  readonly prices: number
  readonly portfolios: number
  readonly positions: number
}

const snapshots = ['PriceSnapshot', 'PortfolioSnapshot', 'PositionSnapshot'] as const

export async function generate(strata: Strata, options: GenerateOptions = {}): Promise<GenerateReport> {
  const { scale = 1, seed = 1, now = new Date(), existing = 'refuse', progress = () => silent, signal } = options
  const sizes = sizesOf(scale, options.sizes)
  await makeRoom(strata, existing)
  const tokens = makeTokens(sizes.tokens, seed)
  const market = createMarket(tokens, { seed, untilMs: now.getTime() })
  const wallets = [...makeWallets({ count: sizes.wallets, tokens, seed, now })]
  await fillTokens(strata, tokens)
  const balances = await fillWallets(strata, { wallets, market, seed, now, bar: progress })
  const followed = wallets.slice(0, sizes.followed)
  const copied = await fillSnapshots(strata, { market, followed, now, months: sizes.months, progress, signal })
  await strata.query(sql`
    analyze "Wallet", "Token", "TokenBalance", "GovernanceLock", "PriceSnapshot", "PortfolioSnapshot", "PositionSnapshot",
      price_hourly_merged, price_daily_merged, portfolio_hourly_merged, wallet_holdings_merged`)
  return { tokens: tokens.length, wallets: wallets.length, balances, ...copied }
}

interface SnapshotsFill {
  readonly market: Market
  readonly followed: readonly Wallet[]
  readonly now: Date
  readonly months: number
  readonly progress: MakeBar
  readonly signal: AbortSignal | undefined
}

/** Rollups are merged once a month, as they would be, and not all at the end. */
async function fillSnapshots(
  strata: Strata,
  { market, followed, now, months, progress, signal }: SnapshotsFill,
): Promise<Pick<GenerateReport, 'prices' | 'portfolios' | 'positions'>> {
  const untilMs = now.getTime()
  const days = daysBetween(Date.UTC(now.getUTCFullYear(), now.getUTCMonth() - months), untilMs)
  const bar = progress({ label: 'Days', total: days.length, unit: 'days' })
  const counted = { prices: 0, portfolios: 0, positions: 0 }
  for (const [index, fromMs] of days.entries()) {
    stopIfAsked(signal)
    const pace = paceOf(Math.floor((untilMs - fromMs) / dayMs))
    const copied = await fillDay(strata, { market, wallets: followed, fromMs, untilMs, pace })
    counted.prices += copied.prices
    counted.portfolios += copied.portfolios
    counted.positions += copied.positions
    if (index % 30 === 29 || index === days.length - 1) await strata.rollup.merge({ signal })
    bar.add()
  }
  bar.finish()
  return counted
}

async function makeRoom(strata: Strata, existing: 'refuse' | 'reset'): Promise<void> {
  if (existing === 'reset') {
    for (const table of snapshots) await unpack(strata, table)
    await strata.query(sql`
      truncate "Wallet", "Token", "TokenBalance", "PriceSnapshot", "PortfolioSnapshot", "PositionSnapshot", "GovernanceLock",
        "AssetCorrelation", "Alert", "AlertEvent"
      restart identity`)
    return
  }
  const { rows } = await strata.query(sql`select from "Wallet" limit 1`)
  if (rows.length > 0) throw new KitError('Expected an empty database, found wallets → say --reset to begin anew')
}

/** TRUNCATE empties a table, and not what is packed of it. */
async function unpack({ tiers }: Strata, table: string): Promise<void> {
  const [status] = await tiers.status(table)
  for (const { name, tier } of status?.partitions ?? []) if (tier === 'packed') await tiers.move(table, name, 'unpack')
}
