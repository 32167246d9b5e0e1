// All routes of the service. Each runs in a session that the client carries along (`x-pgstrata-token`, and a cookie): what a client
// wrote it reads, whichever server answers. Below /admin is what pgstrata serves itself: health, metrics, what is measured and what
// may be done, for those who have its tokens.

import { createAnswers, createApp, joinEvents, type App } from 'pgstrata-example-kit'
import { fastifyCausal } from 'pgstrata/http'
import { fastifyStrata } from 'pgstrata/server'
import { CacheManager } from '../cache-manager.ts'
import { openDatabase } from '../database.ts'
import { DatabaseManager } from '../database-manager.ts'
import { OptimizedPortfolioService } from '../portfolio/service.ts'
import { wallets } from '../schema.ts'
import type { WedefiStrata } from '../strata.ts'
import { addAlerts } from './alerts.ts'
import { addBalances } from './balances.ts'
import type { ApiContext } from './context.ts'
import { addDemo } from './demo.ts'
import { addGovernance } from './governance.ts'
import { addLive } from './live.ts'
import { addOverview } from './overview.ts'
import { addPages } from './pages.ts'
import { addPnl } from './pnl.ts'
import { addPortfolios } from './portfolios.ts'
import { addPrices } from './prices.ts'
import { addRisk } from './risk.ts'
import { addTokens } from './tokens.ts'
import { addWallets } from './wallets.ts'
import { warmUp } from './warm-up.ts'

export interface ApiOptions {
  readonly strata: WedefiStrata
  /** Bearer tokens of those who write balances, prices and alerts. */
  readonly operators: ReadonlySet<string>
  /** Of an operator, for whoever opens the page of the demonstration. Default: nobody is given one. */
  readonly demoToken?: string | undefined
  /** Signs the tokens of sessions; the same in all processes. At least 32 characters. */
  readonly secret: string
  readonly log?: ((line: string) => void) | undefined
}

export async function createApi({ strata, operators, demoToken, secret, log }: ApiOptions): Promise<App> {
  const context = openContext(strata, operators)
  const app = createApp({
    ready: async () => {
      await context.db.select({ id: wallets.id }).from(wallets).limit(1)
      return true
    },
    ...(log === undefined ? {} : { log }),
  })
  const leave = context.caches.follow()
  app.addHook('onClose', async () => await Promise.resolve(leave()))
  await app.register(fastifyCausal(strata, { secret }))
  joinEvents(app, strata)
  for (const add of [
    addOverview,
    addPortfolios,
    addPnl,
    addWallets,
    addTokens,
    addPrices,
    addBalances,
    addGovernance,
    addRisk,
    addAlerts,
  ])
    add(app, context)
  if (demoToken !== undefined) addDemo(app, demoToken)
  await addLive(app, context)
  await addPages(app)
  await app.register(fastifyStrata(strata), { prefix: '/admin' })
  await warmUp(app, { db: context.db, log })
  return app
}

function openContext(strata: WedefiStrata, operators: ReadonlySet<string>): ApiContext {
  const db = openDatabase(strata)
  const manager = new DatabaseManager({ pool: strata.pool, db })
  return {
    strata,
    db,
    manager,
    caches: new CacheManager({ strata, manager }),
    portfolios: new OptimizedPortfolioService({ strata }),
    answer: createAnswers(strata),
    operators,
  }
}
