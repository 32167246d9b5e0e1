// All routes of the service. Each runs in a session that the client carries along (`x-pgstrata-token`, and a cookie): what a client
// wrote it reads, whichever server answers. Below /admin is what pgstrata serves itself: health, metrics, what is measured and what
// may be done, for those who have its tokens.

import { createApp, joinEvents, type App } from 'pgstrata-example-kit'
import { fastifyCausal } from 'pgstrata/http'
import { fastifyStrata } from 'pgstrata/server'
import { openAnswers } from './answers.ts'
import { openPreparedDatabase } from '../database.ts'
import { addComments } from './comments.ts'
import { identifyByWord, type ApiContext } from './context.ts'
import { addDemo } from './demo.ts'
import { addEarnings } from './earnings.ts'
import { addFraud } from './fraud.ts'
import { addFriends } from './friends.ts'
import { addGeo } from './geo.ts'
import { addLedger } from './ledger.ts'
import { addLive } from './live.ts'
import { addNodes } from './nodes.ts'
import { addPages } from './pages.ts'
import { addPayouts } from './payouts.ts'
import { addStreams } from './streams.ts'
import { warmUp } from './warm-up.ts'

export interface ApiOptions extends Omit<ApiContext, 'answers' | 'prepared'> {
  /** Signs the tokens of sessions; the same in all processes. At least 32 characters. */
  readonly secret: string
  readonly log?: ((line: string) => void) | undefined
}

export async function createApi({ secret, log, ...given }: ApiOptions): Promise<App> {
  const { strata, db } = given
  const context: ApiContext = { ...given, prepared: openPreparedDatabase(strata), answers: openAnswers(strata) }
  const app = createApp({
    ready: async () => {
      await db.selectFrom('streams').select('stream_id').limit(1).execute()
      return true
    },
    ...(log === undefined ? {} : { log }),
  })
  await app.register(fastifyCausal(strata, { secret }))
  joinEvents(app, strata)
  for (const add of [
    addStreams,
    addNodes,
    addPayouts,
    addLedger,
    addEarnings,
    addFriends,
    addComments,
    addGeo,
    addFraud,
  ])
    add(app, context)
  if (context.identify === identifyByWord) addDemo(app, context)
  await addLive(app, context)
  await addPages(app)
  await app.register(fastifyStrata(strata), { prefix: '/admin' })
  await warmUp(app, { prepared: context.prepared, log })
  return app
}
