// A page that heard of a change fetches what it is about, and names the event (`x-event-id`): the answer is then no older than that,
// whichever database gives it. An id that no event carried is no id, and no error.

import { StrataError } from 'pgstrata'
import type { App } from 'pgstrata-example-kit'
import type { StreamrStrata } from '../strata.ts'

export function joinEvents(app: App, { live, pool }: Pick<StreamrStrata, 'live' | 'pool'>): void {
  app.addHook('onRequest', async ({ headers }) => {
    const id = headers['x-event-id']
    if (typeof id !== 'string') return
    try {
      pool.joinSession(await live.token(id))
    } catch (error) {
      if (!(error instanceof StrataError)) throw error
    }
  })
}
