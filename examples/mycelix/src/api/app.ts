// All routes of the service. Each runs in a session that the client carries along (`x-pgstrata-token`, and a cookie): what a client
// wrote it reads, whichever server answers. Health, metrics and what is measured are served by pgstrata itself, at the paths of the
// original design: /health, /metrics/database.

import { createApp, type App } from 'pgstrata-example-kit'
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
import { createReads } from './reads.ts'
import { addRefresh } from './refresh.ts'
import { addSongs } from './songs.ts'
import { addWrites } from './writes.ts'

export interface ApiOptions {
  readonly strata: MycelixStrata
  readonly manageTokens: readonly string[]
  /** Signs the tokens of sessions; the same in all processes. At least 32 characters. */
  readonly secret: string
  readonly log?: ((line: string) => void) | undefined
}

export async function createApi({ strata, manageTokens, secret, log }: ApiOptions): Promise<App> {
  const app = createApp({ health: false, ...(log === undefined ? {} : { log }) })
  const context: ApiContext = {
    strata,
    reads: createReads(strata),
    queries: new OptimizedQueries(strata),
    manageTokens,
  }
  await app.register(fastifyCausal(strata, { secret }))
  for (const add of [addArtists, addSongs, addPlatform, addListeners, addWrites, addRefresh]) add(app, context)
  await addLive(app, context)
  await addPages(app)
  await app.register(fastifyStrata(strata))
  return app
}
