// Everything one process of the service runs.

import { randomBytes } from 'node:crypto'
import type { Logger } from 'pgstrata'
import { serveApp, type ServedApp, type ServeOptions } from 'pgstrata-example-kit'
import { createApi } from './api/app.ts'
import { openWedefi, type WedefiConfig, type WedefiStrata } from './strata.ts'

export interface ServiceOptions extends ServeOptions {
  readonly config: WedefiConfig
  /** Bearer tokens of those who write balances and prices. Default: nobody. */
  readonly operators?: readonly string[]
  /** Of an operator besides, for whoever opens the page: for demonstrations alone. */
  readonly demoToken?: string
  /** Signs the tokens of sessions. Default: one of this process, which no other process knows. */
  readonly secret?: string
  readonly logger?: Logger
  readonly log?: (line: string) => void
}

export interface Service extends ServedApp {
  readonly strata: WedefiStrata
}

/** Live events and, in the background, jobs, the feed of changes and watching; then the routes. */
export async function openService(options: ServiceOptions): Promise<Service> {
  const { config, operators = [], demoToken, secret = randomBytes(32).toString('hex'), logger, log, ...where } = options
  const strata = openWedefi(config, logger === undefined ? {} : { logger })
  const served = await serveApp({
    ...where,
    strata,
    createApi: async () =>
      await createApi({
        strata,
        operators: new Set(demoToken === undefined ? operators : [...operators, demoToken]),
        demoToken,
        secret,
        log,
      }),
  })
  return { ...served, strata }
}
