// Clients of the application: who has one, who had one, and whether all are back.
// Invariants: a client is given out once at a time; a second release of the same checkout throws.

import pg from 'pg'
import type { Hold } from '../../../base/clock.ts'
import { StrataError } from '../../../base/errors.ts'
import { isOwn } from '../observer.ts'
import { isDestroyed, textOf } from '../statement/call.ts'
import { LazyClient } from './lazy-client.ts'
import type { Holder } from '../connections/node-pool.ts'
import type { PoolCore } from '../pool-core.ts'
import { tellOf } from '../telemetry.ts'

export type ConnectCallback = (
  error: Error | undefined,
  client: pg.PoolClient | undefined,
  done: (release?: any) => void,
) => void

type Events = { emit(event: string, ...args: unknown[]): boolean }

/** Clients kept for the next checkout: as many as connections may be, within reason. */
const maxSpare = 256

export class Checkouts {
  readonly #pool: Events
  readonly #core: PoolCore
  readonly #spare: LazyClient[] = []
  /** Waits and monitors alone keep no process alive, but somebody who waits for an answer must have it. */
  readonly #hold: Hold
  #open = 0
  #drained: (() => void) | undefined

  constructor(pool: Events, core: PoolCore) {
    this.#pool = pool
    this.#core = core
    this.#hold = core.clock.createHold()
    // An application may ask `instanceof Client`. The constructor stays our own: no socket is made for a lazy client.
    if (!(LazyClient.prototype instanceof pg.Client)) Object.setPrototypeOf(LazyClient.prototype, pg.Client.prototype)
  }

  /** Who takes a client now, where that is to be known. */
  holder(): Holder | undefined {
    return this.#core.options.leakAfterMs > 0 ? takerStack() : undefined
  }

  take(callback: ConnectCallback, holder: Holder | undefined): void {
    const { cluster, scopes } = this.#core
    const client = this.#spare.pop() ?? this.#create()
    client.checkOut(scopes.getStore(), holder)
    this.begin()
    client.finishCheckout = once(() => this.finish())
    const done = this.#releaser(client)
    client.release = done
    const answer = (error: Error | undefined): void => {
      if (error !== undefined) {
        this.#spare.push(client)
        client.finishCheckout()
        return callback(error, undefined, () => undefined)
      }
      this.#pool.emit('acquire', client)
      callback(undefined, client as unknown as pg.PoolClient, done)
    }
    if (cluster.single) client.bindNow(cluster.nodes[0], (error) => queueMicrotask(() => answer(error)))
    else if (this.#core.isReachable) queueMicrotask(() => answer(undefined))
    else void this.#core.ready().then(() => answer(undefined), answer)
  }

  /** A Submittable sent to the pool itself: on a client that goes back when it has ended. */
  stream(submittable: pg.Submittable, callback: unknown, connect: (callback: ConnectCallback) => void): pg.Submittable {
    const own = submittable as { callback?: unknown; once?(event: string, listener: () => void): void }
    const { telemetry } = this.#core.dispatcher
    const taken = telemetry.inContext<Parameters<ConnectCallback>>((error, client, done) => {
      if (client === undefined) {
        if (!isOwn(submittable)) tellOf(telemetry, textOf(submittable), 'write')?.end(error ?? null, undefined)
        return (own as { handleError?(error?: Error): void }).handleError?.(error)
      }
      if (isDestroyed(submittable)) return done()
      const giveBack = once(() => done())
      const given = callback ?? own.callback
      if (typeof given === 'function') {
        own.callback = (...args: unknown[]): void => {
          giveBack()
          ;(given as (...args: unknown[]) => void)(...args)
        }
      }
      for (const event of ['end', 'close', 'error']) own.once?.(event, giveBack)
      client.query(submittable)
    })
    connect(taken)
    return submittable
  }

  /** Something is under way that end() waits for. */
  begin(): void {
    if (this.#open++ === 0) this.#hold.take()
  }

  finish(): void {
    this.#open--
    if (this.#open > 0) return
    this.#hold.drop()
    this.#drained?.()
  }

  /** Resolves when everything under way has ended, or `drainTimeout` has passed. */
  drain(): Promise<void> {
    if (this.#open === 0) return Promise.resolve()
    return new Promise((resolve) => {
      const { drainTimeoutMs } = this.#core.options
      const stop = drainTimeoutMs > 0 ? this.#core.clock.after(drainTimeoutMs, resolve) : (): void => undefined
      this.#drained = () => {
        stop()
        resolve()
      }
    })
  }

  #create(): LazyClient {
    const client = new LazyClient({
      dispatcher: this.#core.dispatcher,
      onHealed: (node) => void this.#pool.emit('clientHealed', { node: node.name }),
    })
    return client
  }

  #releaser(client: LazyClient): (error?: Error | boolean) => void {
    let isReleased = false
    return (error) => {
      if (isReleased) {
        throw new StrataError('POOL_RELEASED_TWICE', {
          message: 'Release called on client which has already been released to the pool.',
        })
      }
      isReleased = true
      client.checkIn(error, () => {
        // Not before: what still runs on it is none of the next one's.
        if (this.#spare.length < maxSpare) this.#spare.push(client)
      })
      this.#pool.emit('release', error, client)
      client.finishCheckout()
    }
  }
}

function once(work: () => void): () => void {
  let isDone = false
  return () => {
    if (isDone) return
    isDone = true
    work()
  }
}

function takerStack(): Holder {
  return new Error('taken here')
}
