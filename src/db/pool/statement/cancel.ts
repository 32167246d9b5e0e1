// Cancelling what a connection runs, over the protocol: a request on a socket of its own, to the very server that owns the
// backend (process ids of different servers collide), with the secret that only this connection was told. It works through a
// pooler, which knows whose request it is.

import pg from 'pg'
import type { Clock } from '../../../base/clock.ts'

interface Cancellable {
  readonly host: string
  readonly port: number
  readonly processID: number
  readonly secretKey: number
}

interface CancelWire {
  readonly stream: { destroy(): void; unref?(): void }
  connect(portOrPath: number | string, host?: string): void
  once(event: 'connect' | 'end' | 'error', listener: () => void): void
  cancel(processId: number, secretKey: number): void
}

const boundMs = 2_000

/**
 * True when the server has dealt with the request: it closes the socket then. False: that is not known, and the request may
 * still be on its way. Never rejects.
 */
export function cancelRunning(client: pg.Client, clock: Clock): Promise<boolean> {
  const { host, port, processID, secretKey } = client as unknown as Cancellable
  return new Promise((resolve) => {
    const wire = new pg.Connection({}) as unknown as CancelWire
    const finish = (isDone: boolean): void => {
      giveUp()
      wire.stream.destroy()
      resolve(isDone)
    }
    const giveUp = clock.after(boundMs, () => finish(false))
    wire.once('error', () => finish(false))
    wire.once('end', () => finish(true))
    wire.once('connect', () => wire.cancel(processID, secretKey))
    if (host.startsWith('/')) wire.connect(`${host}/.s.PGSQL.${port}`)
    else wire.connect(port, host)
  })
}
