// POST /refresh: refreshes the materialized six, merges the rollups, discards what is cached, and says what it did. For those who have one
// of the tokens that may manage.

import { createHash, timingSafeEqual } from 'node:crypto'
import { body, forbidden, unauthorized, type App } from 'pgstrata-example-kit'
import { OptimizedQueries } from '../db/optimized-queries.ts'
import type { ApiContext } from './context.ts'

/** Of what is kept of answers, as the configuration has them. */
const namespaces = ['platformStats', 'topSongs', 'artistProfile']

export function addRefresh(app: App, { strata, manageTokens }: ApiContext): void {
  const queries = new OptimizedQueries(strata)
  const known = manageTokens.map(digest)
  const admit = (authorization: string | undefined): void => {
    if (known.length === 0) throw forbidden('Nothing can be managed over HTTP here: there is no token that may')
    const token = digest(/^Bearer (.+)$/i.exec(authorization ?? '')?.[1] ?? '')
    // All are compared, so that the time tells nothing.
    const isKnown = known.filter((one) => timingSafeEqual(one, token)).length > 0
    if (!isKnown) throw unauthorized('This needs a token that may manage, as Authorization: Bearer …')
  }
  app.post(
    '/refresh',
    {
      onRequest: async (request) => admit(request.headers.authorization),
      schema: { body: { anyOf: [body({}), { type: 'null' }] } },
    },
    async () => {
      const report = await queries.refreshAllViews()
      const reached = await Promise.all(namespaces.map((namespace) => strata.cache.clear(namespace)))
      return { ...report, cache: reached.includes('pending') ? 'pending' : 'everywhere' }
    },
  )
}

function digest(token: string): Buffer {
  return createHash('sha256').update(token).digest()
}
