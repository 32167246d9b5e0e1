// The life of a service in one process: what it opens, in which order, and how that ends.
//
// Promises: `serveApp` returns when it listens; what fails on the way closes what was open. `close` first ends streams, then takes no
// more requests and finishes those under way, then ends the work in the background, then the connections. Idempotent.

import type { AddressInfo } from 'node:net'
import type { Strata } from 'pgstrata'
import type { App } from './app.ts'

export interface ServeOptions {
  /** Default: 127.0.0.1. */
  readonly host?: string
  /** 0: any that is free. */
  readonly port: number
  /** Jobs, the feed of changes, watching. false: a `pgstrata serve` beside it runs them. Default: true. */
  readonly background?: boolean
}

export interface ServedApp {
  /** 'http://127.0.0.1:3001' */
  readonly url: string
  readonly app: App
  close(): Promise<void>
}

export interface ServeParts extends ServeOptions {
  /** Is closed with the service. */
  readonly strata: Pick<Strata, 'live' | 'start' | 'close'>
  /** Called when live events have started. */
  readonly createApi: () => Promise<App>
}

export async function serveApp(parts: ServeParts): Promise<ServedApp> {
  const { strata, createApi, host = '127.0.0.1', port, background = true } = parts
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
    app = await createApi()
    await app.listen({ host, port })
    const { port: listening } = app.server.address() as AddressInfo
    const shownHost = host.includes(':') ? `[${host}]` : host
    return { url: `http://${shownHost}:${listening}`, app, close }
  } catch (error) {
    await close()
    throw error
  }
}
