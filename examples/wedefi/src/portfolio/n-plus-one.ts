// The original design's "before", kept to be compared with: a query for each wallet, one for its balances, and one for the token of each
// balance. As it would be at its best: every query is served by a primary key.

import { desc, eq } from 'drizzle-orm'
import type { WedefiDatabase } from '../database.ts'
import { tokenBalances, tokens, wallets } from '../schema.ts'
import type { WalletBalances } from './batched.ts'
import { balanceColumns, tokenColumns, walletColumns } from './portfolio.ts'

export interface NPlusOne {
  readonly portfolios: WalletBalances
  readonly statements: number
}

export async function readOneByOne(db: WedefiDatabase, walletIds: readonly string[]): Promise<NPlusOne> {
  const portfolios = Object.create(null) as WalletBalances
  let statements = 0
  for (const walletId of new Set(walletIds)) {
    const [wallet] = await db.select(walletColumns).from(wallets).where(eq(wallets.id, walletId))
    const balances = await db
      .select(balanceColumns)
      .from(tokenBalances)
      .where(eq(tokenBalances.walletId, walletId))
      .orderBy(desc(tokenBalances.usdValue), tokenBalances.tokenId)
    statements += 2 + balances.length
    for (const balance of balances) {
      const [token] = await db.select(tokenColumns).from(tokens).where(eq(tokens.id, balance.tokenId))
      if (wallet === undefined || token === undefined) continue
      const holding = { ...balance, token, wallet }
      const standing = portfolios[walletId]
      if (standing === undefined) portfolios[walletId] = [holding]
      else standing.push(holding)
    }
  }
  return { portfolios, statements }
}
