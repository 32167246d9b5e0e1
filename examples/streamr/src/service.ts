// Everything one process of the service runs.

import { randomBytes } from 'node:crypto'
import type { Kysely } from 'kysely'
import type { Logger } from 'pgstrata'
import { serveApp, type ServedApp, type ServeOptions } from 'pgstrata-example-kit'
import { createApi } from './api/app.ts'
import { identifyByWord, type Identify } from './api/context.ts'
import { openDatabase, openPreparedDatabase, type Database } from './database.ts'
import { openGeo } from './geo/geo.ts'
import { createPayoutService } from './payouts/service.ts'
import { openStreamr, type StreamrConfig, type StreamrStrata } from './strata.ts'

export interface ServiceOptions extends ServeOptions {
  readonly config: StreamrConfig
  /** Who a caller is. Default: as the demonstration, whoever `x-user-id` says. */
  readonly identify?: Identify
  /** Wallet addresses of those who moderate every stream, run payouts and see the evidence of fraud. Default: nobody. */
  readonly operators?: readonly string[]
  /** Signs the tokens of sessions. Default: one of this process, which no other process knows. */
  readonly secret?: string
  readonly logger?: Logger
  readonly log?: (line: string) => void
}

export interface Service extends ServedApp {
  readonly strata: StreamrStrata
  readonly db: Kysely<Database>
}

/** Live events and, in the background, jobs, the feed of changes and watching; then payouts, places on the map, and the routes. */
export async function openService(options: ServiceOptions): Promise<Service> {
  const { config, identify = identifyByWord, operators = [], logger, log, ...rest } = options
  const { secret = randomBytes(32).toString('hex'), ...where } = rest
  const strata = openStreamr(config, logger === undefined ? {} : { logger })
  const db = openDatabase(strata)
  const served = await serveApp({
    ...where,
    strata,
    createApi: async () => {
      const payouts = createPayoutService({ db, monitor: strata.monitor, log: (line) => logger?.info(line) })
      const geo = await openGeo(openPreparedDatabase(strata))
      return await createApi({ strata, db, payouts, geo, identify, operators: new Set(operators), secret, log })
    },
  })
  return { ...served, strata, db }
}
