// All routes of the service. Each runs in a session that the client carries along (`x-pgstrata-token`, and a cookie): what a client
// wrote it reads, whichever server answers. Health, metrics and what is measured are served by pgstrata itself, at the paths of the
// original design: /health, /metrics/database.

import { createAnswers, createApp, joinEvents, type App } from 'pgstrata-example-kit'
import { tableTag } from 'pgstrata'
import { fastifyCausal } from 'pgstrata/http'
import { fastifyStrata } from 'pgstrata/server'
import { OptimizedQueries } from '../db/optimized-queries.ts'
import type { MycelixStrata } from '../strata.ts'
import { addArtists } from './artists.ts'
import type { ApiContext } from './context.ts'
import { addListeners } from './listeners.ts'
import { addLive } from './live.ts'
import { addPages } from './pages.ts'
import { addPlatform } from './platform.ts'
import { addRefresh } from './refresh.ts'
import { addSongs } from './songs.ts'
import { warmUp } from './warm-up.ts'
import { addWrites } from './writes.ts'

export interface ApiOptions {
  readonly strata: MycelixStrata
  readonly manageTokens: readonly string[]
  /** Signs the tokens of sessions; the same in all processes. At least 32 characters. */
  readonly secret: string
  readonly log?: ((line: string) => void) | undefined
}

/**
 * A change of an artist or a song discards what is kept of them. Plays do not, or nothing would last; the last tag stands for them, which is
 * no table's: so however far the feed has come, no answer from before what a session has seen is taken for current.
 */
const tags = [tableTag('public', 'artists'), tableTag('public', 'songs'), 'what is played']

export async function createApi({ strata, manageTokens, secret, log }: ApiOptions): Promise<App> {
  const app = createApp({ health: false, ...(log === undefined ? {} : { log }) })
  const context: ApiContext = {
    strata,
    answer: createAnswers(strata, { tags }),
    queries: new OptimizedQueries(strata),
    manageTokens,
  }
  await app.register(fastifyCausal(strata, { secret }))
  joinEvents(app, strata)
  for (const add of [addArtists, addSongs, addPlatform, addListeners, addWrites, addRefresh]) add(app, context)
  await addLive(app, context)
  await addPages(app)
  await app.register(fastifyStrata(strata))
  await warmUp(app, { strata, log })
  return app
}
