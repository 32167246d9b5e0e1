// Profiles. Who looks at one has signed in, so that a block can hide it: whoever is blocked finds nobody there, as of a wallet that never
// was here.

import { body, notFound, query, type App } from 'pgstrata-example-kit'
import { createQuery } from '../db/query.ts'
import {
  findUser,
  isBlockedBetween,
  searchUsers,
  updateProfile,
  type ProfileChange,
  type User,
} from '../users/store.ts'
import type { ApiContext } from './context.ts'
import { limitOf, ofAddress, type OfAddress } from './shapes.ts'

const named = {
  type: ['string', 'null'],
  minLength: 1,
  maxLength: 60,
  pattern: '^[^\\u0000]*[^\\s\\u0000][^\\u0000]*$',
}
const told = { type: ['string', 'null'], maxLength: 500, pattern: '^[^\\u0000]*$' }
const change = { ...body({ display_name: named, bio: told }, { required: [] }), minProperties: 1 }
const prefix = { type: 'string', minLength: 2, maxLength: 60, pattern: '^[^\\u0000]+$' }

export function addUsers(app: App, { strata, auth, moderators }: ApiContext): void {
  const ask = createQuery(strata)
  app.get<{ Querystring: { readonly prefix: string; readonly limit: number } }>(
    '/users',
    { schema: { querystring: query({ prefix, limit: limitOf(20, { most: 50 }) }, { required: ['prefix'] }) } },
    async (request) => {
      const { address } = await auth.requireWallet(request)
      return { users: await searchUsers(ask, { for: address, ...request.query }) }
    },
  )
  app.get<OfAddress>('/users/:address', { schema: { params: ofAddress } }, async (request) => {
    const viewer = await auth.requireWallet(request)
    const address = request.params.address.toLowerCase()
    const user = await findUser(ask, address)
    if (user === undefined) throw notFound('user')
    if (moderators.has(viewer.address)) return user
    const isHidden = user.status === 'banned' && address !== viewer.address
    if (isHidden || (await isBlockedBetween(ask, viewer.address, address))) throw notFound('user')
    return user
  })
  app.patch<{ Body: ProfileChange }>('/users/me', { schema: { body: change } }, async (request): Promise<User> => {
    const { address } = await auth.requireWallet(request)
    const user = await updateProfile(ask, address, request.body)
    if (user === undefined) throw notFound('user')
    return user
  })
}
