// POST /refresh: refreshes the materialized six, merges the rollups, discards what is cached, and says what it did. For those who have one
// of the tokens that may manage.

import { body, forbidden, holdsToken, unauthorized, type App } from 'pgstrata-example-kit'
import { OptimizedQueries } from '../db/optimized-queries.ts'
import type { ApiContext } from './context.ts'

/** Of what is kept of answers, as the configuration has them. */
const namespaces = ['platformStats', 'topSongs', 'artistProfile', 'listeners']

export function addRefresh(app: App, { strata, manageTokens }: ApiContext): void {
  const queries = new OptimizedQueries(strata)
  const admit = (authorization: string | undefined): void => {
    if (manageTokens.length === 0) throw forbidden('Nothing can be managed over HTTP here: there is no token that may')
    if (!holdsToken(manageTokens, authorization))
      throw unauthorized('This needs a token that may manage, as Authorization: Bearer …')
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
