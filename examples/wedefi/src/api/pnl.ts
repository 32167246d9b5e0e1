// What a portfolio gained or lost over time.

import { params, query, word, type App } from 'pgstrata-example-kit'
import { grains, type Grain } from '../portfolio/candles.ts'
import { readPnl } from '../portfolio/pnl.ts'
import type { ApiContext } from './context.ts'
import { moment } from './schemas.ts'
import { readSpan, type AskedSpan } from './time-span.ts'
import { findWallet } from './wallets.ts'

interface PnlQuery extends AskedSpan {
  readonly grain: Grain
}

const usualDays = 30

export function addPnl(app: App, { strata, db, answer }: ApiContext): void {
  app.get<{ Params: { readonly walletId: string }; Querystring: PnlQuery }>(
    '/portfolios/:walletId/pnl',
    {
      schema: {
        params: params({ walletId: word }),
        querystring: query({ from: moment, to: moment, grain: { enum: grains, default: 'day' } }),
      },
    },
    async (request, reply) => {
      const { walletId } = request.params
      const { grain } = request.query
      const span = readSpan(request.query, { usualDays })
      return await answer({ request, reply }, { namespace: 'pnl', what: 'wallet' }, async () => {
        // Before anything is fetched from an archive for it.
        if ((await findWallet(db, walletId)) === undefined) return undefined
        return await readPnl(strata, { walletId, grain, ...span })
      })
    },
  )
}
