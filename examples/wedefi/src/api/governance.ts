// What a wallet has locked for votes; kept until a lock changes.

import { notFound, params, query, word, type App } from 'pgstrata-example-kit'
import type { ApiContext } from './context.ts'
import { findWallet } from './wallets.ts'

export function addGovernance(app: App, { strata, db, caches }: ApiContext): void {
  app.get<{ Params: { readonly walletId: string } }>(
    '/governance/:walletId',
    { schema: { params: params({ walletId: word }), querystring: query({}) } },
    async (request) => {
      const { walletId } = request.params
      // A session of this request, as of portfolios.
      const locks = await strata.scope(strata.pool.sessionToken, () => caches.getGovernanceLocks(walletId))
      if (locks.length === 0 && (await findWallet(db, walletId)) === undefined) throw notFound('wallet')
      return { walletId, locks }
    },
  )
}
