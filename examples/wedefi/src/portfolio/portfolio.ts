// What portfolios are made of, as every way of reading them gives it. Money and quantities are text, as PostgreSQL writes them.

import { and, desc, eq, gt } from 'drizzle-orm'
import type { WedefiDatabase } from '../database.ts'
import { tokenBalances, tokens, wallets } from '../schema.ts'

export interface PortfolioToken {
  readonly id: string
  readonly symbol: string
  readonly name: string
  readonly decimals: number
}

export interface PortfolioWallet {
  readonly id: string
  readonly address: string
  readonly label: string | null
  readonly chainId: number
}

export interface Balance {
  readonly walletId: string
  readonly tokenId: string
  readonly quantity: string
  readonly usdValue: string
  readonly updatedAt: Date
}

export interface Holding extends Balance {
  readonly token: PortfolioToken
}

export interface PortfolioSummary extends PortfolioWallet {
  readonly createdAt: Date
  /** Those that are worth something, the greatest first. */
  readonly balances: readonly Holding[]
}

export const balanceColumns = {
  walletId: tokenBalances.walletId,
  tokenId: tokenBalances.tokenId,
  quantity: tokenBalances.quantity,
  usdValue: tokenBalances.usdValue,
  updatedAt: tokenBalances.updatedAt,
} as const

export const tokenColumns = {
  id: tokens.id,
  symbol: tokens.symbol,
  name: tokens.name,
  decimals: tokens.decimals,
} as const

export const walletColumns = {
  id: wallets.id,
  address: wallets.address,
  label: wallets.label,
  chainId: wallets.chainId,
} as const

interface SummaryChoice {
  /** Default: all, in the order in which they came. */
  readonly walletId?: string | undefined
  readonly limit: number
}

/** Wallets with what they hold: one statement. */
export async function readSummaries(
  db: WedefiDatabase,
  { walletId, limit }: SummaryChoice,
): Promise<readonly PortfolioSummary[]> {
  const page = db
    .select({ ...walletColumns, createdAt: wallets.createdAt })
    .from(wallets)
    .where(walletId === undefined ? undefined : eq(wallets.id, walletId))
    .orderBy(wallets.createdAt, wallets.id)
    .limit(limit)
    .as('page')
  const rows = await db
    .select({
      wallet: {
        id: page.id,
        address: page.address,
        label: page.label,
        chainId: page.chainId,
        createdAt: page.createdAt,
      },
      balance: balanceColumns,
      token: tokenColumns,
    })
    .from(page)
    .leftJoin(tokenBalances, and(eq(tokenBalances.walletId, page.id), gt(tokenBalances.usdValue, '0')))
    .leftJoin(tokens, eq(tokens.id, tokenBalances.tokenId))
    .orderBy(page.createdAt, page.id, desc(tokenBalances.usdValue), tokenBalances.tokenId)
  const found = new Map<string, PortfolioSummary & { readonly balances: Holding[] }>()
  for (const { wallet, balance, token } of rows) {
    const summary = found.get(wallet.id) ?? { ...wallet, balances: [] }
    found.set(wallet.id, summary)
    if (balance !== null && token !== null) summary.balances.push({ ...balance, token })
  }
  return [...found.values()]
}
