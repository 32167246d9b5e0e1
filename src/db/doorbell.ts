// A connection that hears NOTIFY on one channel. What was notified while it was away is not heard: whoever listens looks
// after opening it, and looks from time to time anyway.

import pg from 'pg'
import { messageOf, StrataError } from '../base/errors.ts'
import { quoteIdent } from '../sql/quote.ts'
import { describeTarget } from './db.ts'
import { parseTarget } from './pg-db.ts'

export interface DoorbellOptions {
  readonly url: string
  readonly channel: string
  /** `payload`: what it was notified with. */
  readonly onRing: (payload: string) => void
  /** Once; nothing is heard after it. */
  readonly onEnd: () => void
}

export interface Doorbell {
  close(): void
}

export async function openDoorbell({ url, channel, onRing, onEnd }: DoorbellOptions): Promise<Doorbell> {
  const client = new pg.Client({
    connectionString: url,
    application_name: 'pgstrata feed',
    connectionTimeoutMillis: 10_000,
    keepAlive: true,
  })
  let isOpen = true
  const end = (): void => {
    if (isOpen) onEnd()
    isOpen = false
  }
  client.on('error', end)
  client.on('end', end)
  client.on('notification', ({ payload = '' }) => onRing(payload))
  try {
    await client.connect()
    await client.query(`listen ${quoteIdent(channel)}`)
  } catch (error) {
    isOpen = false
    client.end().catch(() => undefined)
    throw new StrataError('DATABASE_UNREACHABLE', {
      message: `Cannot listen at ${describeTarget(parseTarget(url))} (${messageOf(error)})`,
      cause: error,
    })
  }
  return {
    close: () => {
      isOpen = false
      client.end().catch(() => undefined)
    },
  }
}
