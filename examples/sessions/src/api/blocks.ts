// Whom somebody has blocked. That alone: who has blocked somebody is told to moderators only. A wallet that is not there can be blocked as any
// other, or whoever is hidden could be told from who never was here.

import { badInput, body, notFound, query, type App } from 'pgstrata-example-kit'
import { block, findBlock, listBlocks, unblock } from '../blocks/store.ts'
import { createQuery } from '../db/query.ts'
import type { ApiContext } from './context.ts'
import { listQuery, ofAddress, type ListQuery, type OfAddress } from './shapes.ts'

const reason = { type: 'string', minLength: 1, maxLength: 200, pattern: '^[^\\u0000]+$' } as const
const reasonBody = { ...body({ reason }, { required: [] }), type: ['object', 'null'] }

export function addBlocks(app: App, { strata, auth }: ApiContext): void {
  const ask = createQuery(strata)
  app.get<{ Querystring: ListQuery }>('/blocks', { schema: { querystring: listQuery() } }, async (request) => {
    const { address: by } = await auth.requireWallet(request)
    const { cursor, limit } = request.query
    return await listBlocks(ask, { by, cursor, limit })
  })
  const schema = { params: ofAddress, querystring: query({}) }
  app.get<OfAddress>('/blocks/:address', { schema }, async (request) => {
    const { address: by } = await auth.requireWallet(request)
    const found = await findBlock(ask, { by, of: request.params.address.toLowerCase() })
    if (found === undefined) throw notFound('block')
    return { block: found }
  })
  app.put<OfAddress & { Body: { readonly reason?: string } | null }>(
    '/blocks/:address',
    { schema: { ...schema, body: reasonBody } },
    async (request) => {
      const { address: by } = await auth.requireWallet(request)
      const of = request.params.address.toLowerCase()
      const blocked = await block(strata, { by, of, reason: request.body?.reason })
      if (!('refused' in blocked)) return blocked
      throw badInput({ where: 'params.address', expected: 'somebody else than who asks' })
    },
  )
  app.delete<OfAddress>('/blocks/:address', { schema }, async (request) => {
    const { address: by } = await auth.requireWallet(request)
    const address = request.params.address.toLowerCase()
    if (!(await unblock({ query: ask, cache: strata.cache }, { by, of: address }))) throw notFound('block')
    return { unblocked: address }
  })
}
