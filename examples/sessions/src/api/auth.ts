// Signing in: a wallet asks for a nonce, signs the message that comes with it, and has a token for an hour.

import { body, type App } from 'pgstrata-example-kit'
import { cookieOf, noCookieOf } from '../auth/bearer.ts'
import type { ApiContext } from './context.ts'
import { address } from './shapes.ts'

/** The second it was made in, and 128 bits. */
const nonce = { type: 'string', pattern: '^[0-9a-f]{40}$' } as const
const signature = { type: 'string', pattern: '^0x[0-9a-fA-F]{130}$' } as const

interface ProofBody {
  readonly address: string
  readonly nonce: string
  readonly signature: string
}

export function addAuth(app: App, { auth, limits, moderators, site }: ApiContext): void {
  app.post<{ Body: { readonly address: string } }>(
    '/auth/nonce',
    { schema: { body: body({ address }) } },
    async (request, reply) => {
      await limits.takeSignIn(request)
      const issued = await auth.issue(request.body.address.toLowerCase())
      return await reply.code(201).send(issued)
    },
  )
  app.post<{ Body: ProofBody }>(
    '/auth/verify',
    { schema: { body: body({ address, nonce, signature }) } },
    async (request, reply) => {
      await limits.takeSignIn(request)
      const admitted = await auth.verify({ ...request.body, address: request.body.address.toLowerCase() })
      void reply.header('set-cookie', cookieOf(admitted.token, site))
      return await reply.code(201).send(admitted)
    },
  )
  app.post('/auth/logout', async (request, reply) => {
    await auth.signOut(request)
    void reply.header('set-cookie', noCookieOf(site))
    return { signed_out: true }
  })
  app.get('/auth/session', async (request) => {
    const { wallet, expiresAt } = await auth.requireSignIn(request)
    return { ...wallet, is_moderator: moderators.has(wallet.address), expires_at: expiresAt }
  })
}
