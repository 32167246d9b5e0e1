// Everything one process of the service runs, opened and closed in order.
//
// Promises: `openService` returns when it listens; what fails on the way closes what was open. `close` first ends streams, then takes no
// more requests and finishes those under way, then ends the work in the background, then the connections. Idempotent.

import { randomBytes } from 'node:crypto'
import type { AddressInfo } from 'node:net'
import type { Kysely } from 'kysely'
import type { Logger } from 'pgstrata'
import type { App } from 'pgstrata-example-kit'
import { createApi } from './api/app.ts'
import { identifyByWord, type Identify } from './api/context.ts'
import { openDatabase, type Database } from './database.ts'
import { openGeo } from './geo/geo.ts'
import { createPayoutService } from './payouts/service.ts'
import { openStreamr, type StreamrConfig, type StreamrStrata } from './strata.ts'

export interface ServiceOptions {
  readonly config: StreamrConfig
  /** Default: 127.0.0.1. */
  readonly host?: string
  /** 0: any that is free. */
  readonly port: number
  /** Who a caller is. Default: as the demonstration, whoever `x-user-id` says. */
  readonly identify?: Identify
  /** Wallet addresses of those who moderate every stream, run payouts and see the evidence of fraud. Default: nobody. */
  readonly operators?: readonly string[]
  /** Signs the tokens of sessions. Default: one of this process, which no other process knows. */
  readonly secret?: string
  /** Jobs, the feed of changes, watching. false: a `pgstrata serve` beside it runs them. Default: true. */
  readonly background?: boolean
  readonly logger?: Logger
  readonly log?: (line: string) => void
}

export interface Service {
  /** 'http://127.0.0.1:3001' */
  readonly url: string
  readonly strata: StreamrStrata
  readonly db: Kysely<Database>
  readonly app: App
  close(): Promise<void>
}

export async function openService(options: ServiceOptions): Promise<Service> {
  const { config, host = '127.0.0.1', port, identify = identifyByWord, operators = [], background = true } = options
  const { secret = randomBytes(32).toString('hex'), logger, log } = options
  const strata = openStreamr(config, logger === undefined ? {} : { logger })
  const db = openDatabase(strata)
  let app: App | undefined
  let closing: Promise<void> | undefined
  const closeAll = async (): Promise<void> => {
    await strata.live.stop()
    await app?.close()
    await strata.close()
  }
  const close = async (): Promise<void> => await (closing ??= closeAll())
  try {
    await strata.live.start()
    if (background) await strata.start({ jobs: true })
    const payouts = createPayoutService({ db, monitor: strata.monitor, log: (line) => logger?.info(line) })
    const geo = await openGeo(db)
    app = await createApi({ strata, db, payouts, geo, identify, operators: new Set(operators), secret, log })
    await app.listen({ host, port })
    const { port: listening } = app.server.address() as AddressInfo
    const shownHost = host.includes(':') ? `[${host}]` : host
    return { url: `http://${shownHost}:${listening}`, strata, db, app, close }
  } catch (error) {
    await close()
    throw error
  }
}
