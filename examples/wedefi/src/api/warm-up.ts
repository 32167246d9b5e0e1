// Questions of all kinds, asked before the first client does; by URLs that no client uses, so nothing is kept for clients by it.

import { warm, type App, type WarmRequest } from 'pgstrata-example-kit'
import type { WedefiDatabase } from '../database.ts'
import { priceSnapshots, wallets } from '../schema.ts'

interface Warmed {
  readonly db: WedefiDatabase
  readonly log?: ((line: string) => void) | undefined
}

/** Returns the statuses of the answers. */
export async function warmUp(app: App, { db, log }: Warmed): Promise<readonly number[]> {
  return await warm(app, { read: async () => await readRequests(db), log })
}

async function readRequests(db: WedefiDatabase): Promise<readonly WarmRequest[]> {
  const [[wallet], [price]] = await Promise.all([
    db.select({ id: wallets.id }).from(wallets).limit(1),
    db.select({ tokenId: priceSnapshots.tokenId }).from(priceSnapshots).limit(1),
  ])
  const general = ['/portfolios?', '/portfolios?page=1&minValue=1', '/wallets?', '/alerts?', '/risk/correlations?']
  const ofWallet = ({ id }: { readonly id: string }): readonly string[] => {
    const named = encodeURIComponent(id)
    const paths = [
      `/portfolios/${named}`,
      `/portfolios/${named}/pnl`,
      `/portfolios/${named}/allocation`,
      `/governance/${named}`,
    ]
    return [...paths.map((path) => `${path}?`), `/portfolios/batch?ids=${named}`]
  }
  const ofToken = ({ tokenId }: { readonly tokenId: string }): readonly string[] => {
    const named = encodeURIComponent(tokenId)
    return [`/prices/${named}?`, `/prices/${named}/history?`, `/risk/tokens/${named}?`]
  }
  return [
    ...general,
    ...(wallet === undefined ? [] : ofWallet(wallet)),
    ...(price === undefined ? [] : ofToken(price)),
  ].map((url) => ({ url }))
}
