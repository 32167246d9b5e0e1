// Everything one process of the service runs.

import { randomBytes } from 'node:crypto'
import type { Logger } from 'pgstrata'
import { serveApp, type ServedApp, type ServeOptions } from 'pgstrata-example-kit'
import { createApi, type ApiOptions } from './api/app.ts'
import { openSessions, type SessionsConfig, type SessionsStrata } from './strata.ts'

type Given = Partial<Omit<ApiOptions, 'strata' | 'moderators' | 'secret' | 'log'>>

export interface ServiceOptions extends ServeOptions, Given {
  readonly config: SessionsConfig
  /** Wallet addresses of those who work through reports. Default: nobody. */
  readonly moderators?: readonly string[]
  /** Signs the tokens of those who logged in. Default: one of this process, which no other process knows. */
  readonly secret?: string
  readonly logger?: Logger
  readonly log?: (line: string) => void
}

export interface Service extends ServedApp {
  readonly strata: SessionsStrata
}

/** Live events and, in the background, jobs, the feed of changes and watching; then the routes. */
export async function openService(options: ServiceOptions): Promise<Service> {
  const { config, moderators = [], secret = randomBytes(32).toString('hex'), logger, log, ...rest } = options
  const { host, port, background, ...given } = rest
  const strata = openSessions(config, logger === undefined ? {} : { logger })
  const where = { port, ...(host === undefined ? {} : { host }), ...(background === undefined ? {} : { background }) }
  const served = await serveApp({
    ...where,
    strata,
    createApi: async () => await createApi({ ...given, strata, moderators: new Set(moderators), secret, log }),
  })
  return { ...served, strata }
}
