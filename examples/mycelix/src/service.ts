// Everything one process of the service runs.

import { randomBytes } from 'node:crypto'
import type { Logger } from 'pgstrata'
import { serveApp, type ServedApp, type ServeOptions } from 'pgstrata-example-kit'
import { createApi } from './api/app.ts'
import { openMycelix, type MycelixConfig, type MycelixStrata } from './strata.ts'

export interface ServiceOptions extends ServeOptions {
  readonly config: MycelixConfig
  /** Signs the tokens of sessions. Default: one of this process, which no other process knows. */
  readonly secret?: string
  readonly logger?: Logger
  readonly log?: (line: string) => void
}

export interface Service extends ServedApp {
  readonly strata: MycelixStrata
}

/** Live events and, in the background, jobs, the feed of changes and watching; then the routes. */
export async function openService(options: ServiceOptions): Promise<Service> {
  const { config, secret = randomBytes(32).toString('hex'), logger, log, ...where } = options
  const strata = openMycelix(config, logger === undefined ? {} : { logger })
  const manageTokens = (config.server?.tokens.manage ?? []).map(({ token }) => token)
  const served = await serveApp({
    ...where,
    strata,
    createApi: async () => await createApi({ strata, manageTokens, secret, log }),
  })
  return { ...served, strata }
}
