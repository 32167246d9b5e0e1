// Balances are brought up to date by operators: whoever watches the chains. An older state than what is there is told, and not stored.

import { badInput, body, word, type App } from 'pgstrata-example-kit'
import type { BalanceData } from '../portfolio/balance-data.ts'
import { requireOperator, type ApiContext } from './context.ts'
import { amount, moment, refuseNumbers } from './schemas.ts'

interface BalanceBody extends Omit<BalanceData, 'updatedAt'> {
  readonly updatedAt?: string
}

const balance = body(
  { walletId: word, tokenId: word, quantity: amount, usdValue: amount, updatedAt: moment },
  { required: ['walletId', 'tokenId', 'quantity', 'usdValue'] },
)

export function addBalances(app: App, context: ApiContext): void {
  const { manager, caches } = context
  app.put<{ Body: BalanceBody }>(
    '/balances',
    {
      onRequest: async (request) => {
        requireOperator(context, request)
        await Promise.resolve()
      },
      preValidation: async ({ body: given }) => await Promise.resolve(refuseNumbers(given)),
      schema: { body: balance },
    },
    async (request) => {
      const { updatedAt, ...given } = request.body
      const at = updatedAt === undefined ? undefined : new Date(updatedAt)
      if (Number.isNaN(at?.getTime())) throw badInput({ where: 'body.updatedAt', expected: 'a time' })
      const { isStored, ...standing } = await manager.updateTokenBalance({ ...given, updatedAt: at })
      if (isStored) await caches.forget({ walletIds: [standing.walletId] })
      return { balance: standing, isStored }
    },
  )
}
