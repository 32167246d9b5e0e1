// What clients tell of themselves, in batches. A batch is answered when it is stored; whoever had no answer sends it again.

import { body, type App } from 'pgstrata-example-kit'
import { createQuery } from '../db/query.ts'
import { mostBatchBytes, mostEvents } from '../telemetry/check.ts'
import { receiveEvents } from '../telemetry/intake.ts'
import type { ApiContext } from './context.ts'

/** What is in an event is looked at one by one: one that is wrong is no reason to refuse the others. */
const batch = body({ events: { type: 'array', minItems: 1, maxItems: mostEvents } })

export function addTelemetry(app: App, { strata, auth, limits }: ApiContext): void {
  const ask = createQuery(strata)
  app.post<{ Body: { readonly events: readonly unknown[] } }>(
    '/telemetry',
    { schema: { body: batch }, bodyLimit: mostBatchBytes },
    async (request) => {
      const { events } = request.body
      const wallet = await auth.identify(request)
      await limits.takeTelemetry({ wallet, ip: request.ip }, events.length)
      return await receiveEvents(ask, { events, wallet, now: new Date() })
    },
  )
}
