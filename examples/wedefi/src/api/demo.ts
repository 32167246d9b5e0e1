// For the demonstration alone, where whoever opens the page is an operator: the token that it writes with. This route is not there when the service
// is given no such token.

import { query, type App } from 'pgstrata-example-kit'

export function addDemo(app: App, token: string): void {
  app.get('/demo/operator', { schema: { querystring: query({}) } }, async (_, reply) => {
    void reply.header('cache-control', 'no-store')
    return await Promise.resolve({ token })
  })
}
