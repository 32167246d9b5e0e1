// All routes of the service. Each runs in a session that the client carries along (`x-pgstrata-token`, and a cookie): what a client
// wrote it reads, whichever server answers. What the resources take is limited; health, metrics and what is measured are served by pgstrata
// itself, at the paths of the original design: /health, /database/metrics.

import { createApp, joinEvents, type App } from 'pgstrata-example-kit'
import { fastifyCausal } from 'pgstrata/http'
import { fastifyStrata } from 'pgstrata/server'
import { createAuth } from '../auth/auth.ts'
import { createTokens } from '../auth/tokens.ts'
import type { DemoWallet } from '../demo/wallets.ts'
import { createLimits, type LimitChoice } from '../limits.ts'
import type { SessionsStrata } from '../strata.ts'
import { addAuth } from './auth.ts'
import { addBalances } from './balances.ts'
import { addBlocks } from './blocks.ts'
import type { ApiContext } from './context.ts'
import { addDemo } from './demo.ts'
import { addLive } from './live.ts'
import { addModeration } from './moderation.ts'
import { addPages } from './pages.ts'
import { addReports } from './reports.ts'
import { addSessions } from './sessions.ts'
import { addTelemetry } from './telemetry.ts'
import { addUsers } from './users.ts'
import { warmUp } from './warm-up.ts'

export interface ApiOptions {
  readonly strata: SessionsStrata
  /** Addresses of those who work through reports, in lower case. */
  readonly moderators: ReadonlySet<string>
  /** Signs tokens, of those who sign in and of what they have seen; the same in all processes. At least 32 characters. */
  readonly secret: string
  /** Where people sign in, which stands in what they sign. Default: this machine. */
  readonly site?: string | undefined
  /** Addresses of the reverse proxies in front, whose word about who asks is taken. Default: nobody's. */
  readonly proxies?: readonly string[] | undefined
  /** What differs from the usual limits. */
  readonly limits?: Partial<LimitChoice> | undefined
  /** Wallets whose keys everybody knows, to try the service out. Default: none. */
  readonly demo?: readonly DemoWallet[] | undefined
  readonly log?: ((line: string) => void) | undefined
}

const usualSite = 'http://127.0.0.1:3003'
const resources = [addAuth, addSessions, addBlocks, addUsers, addBalances, addReports, addModeration, addTelemetry]

export async function createApi(options: ApiOptions): Promise<App> {
  const { strata, moderators, secret, site = usualSite, proxies = [], limits: choice, demo, log } = options
  const app = createApp({ health: false, proxies, ...(log === undefined ? {} : { log }) })
  const tokens = createTokens({ secret })
  const auth = createAuth({ strata, tokens, moderators, site })
  const limits = createLimits({ strata, choice })
  const context: ApiContext = { strata, auth, limits, moderators, site }
  await app.register(fastifyCausal(strata, { secret }))
  joinEvents(app, strata)
  await app.register(async (limited) => {
    await limits.guard(limited, (request) => auth.identify(request))
    for (const add of resources) add(limited, context)
    if (demo !== undefined) addDemo(limited, { wallets: demo, moderators })
  })
  await addLive(app, context)
  await addPages(app)
  await app.register(fastifyStrata(strata))
  await warmUp(app, { strata, tokens, log })
  limits.begin()
  return app
}
