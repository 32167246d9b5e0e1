// For the demonstration alone: wallets to be tried out without one of one's own. Their keys are known to everybody, so the service may as well
// sign for them. These routes are not there when the service is given no such wallets.

import { body, notFound, query, type App } from 'pgstrata-example-kit'
import { signText } from '../demo/signing.ts'
import type { DemoWallet } from '../demo/wallets.ts'
import type { ApiContext } from './context.ts'
import { address, textOf } from './shapes.ts'

interface SignBody {
  readonly address: string
  readonly message: string
}

export interface Demo extends Pick<ApiContext, 'moderators'> {
  readonly wallets: readonly DemoWallet[]
}

export function addDemo(app: App, { wallets, moderators }: Demo): void {
  app.get('/demo/wallets', { schema: { querystring: query({}) } }, async () => {
    const shown = wallets.map((wallet) => ({
      address: wallet.address,
      name: wallet.name,
      is_moderator: moderators.has(wallet.address),
    }))
    return await Promise.resolve({ wallets: shown })
  })
  app.post<{ Body: SignBody }>(
    '/demo/sign',
    { schema: { body: body({ address, message: textOf({ most: 1_000 }) }) } },
    async ({ body: asked }) => {
      const wallet = wallets.find((one) => one.address === asked.address.toLowerCase())
      if (wallet === undefined) throw notFound('wallet of the demonstration')
      return await Promise.resolve({ signature: signText(asked.message, wallet.privateKey) })
    },
  )
}
