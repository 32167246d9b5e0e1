// GET /live: live events over Server-Sent Events, of the topics that a page names.
//
// Who may hear what: a wallet hears of its own sessions, those that it began and those that it was asked into or came to, and of nobody
// else's. Moderators hear of reports, and of what is counted of sessions and reports. Who asks is found as for every route; a browser's
// EventSource sends no headers, but its cookie. It is asked again whenever a client comes back, which is once an hour at the latest.

import type { Conditions, TopicSpec } from 'pgstrata'
import { fastifyLive } from 'pgstrata/http'
import type { App } from 'pgstrata-example-kit'
import type { ApiContext } from './context.ts'

export async function addLive(app: App, { strata, auth, moderators }: ApiContext): Promise<void> {
  await app.register(
    fastifyLive<TopicSpec>(strata.live, {
      path: '/live',
      authorize: async (request, topic) => {
        const address = await auth.identify(request)
        return address !== undefined && mayHear(topic, { address, isModerator: moderators.has(address) })
      },
    }),
  )
}

export interface Hearer {
  readonly address: string
  readonly isModerator: boolean
}

export function mayHear(topic: TopicSpec, { address, isModerator }: Hearer): boolean {
  if (!('table' in topic) || topic.table === 'reports') return isModerator
  if (topic.table !== 'sessions') return false
  return isAlone(topic.where, 'a_addr', address) || isAlone(topic.where, 'b_addr', address)
}

/** The column has that value, and no other beside it. */
function isAlone(conditions: Conditions | undefined, column: string, value: string): boolean {
  const given = conditions?.[column]
  const values: readonly unknown[] = Array.isArray(given) ? given : [given]
  return values.length === 1 && values[0] === value
}
