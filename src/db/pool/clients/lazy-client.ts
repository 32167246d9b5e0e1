// What pool.connect() gives: a client that takes a connection only when a statement needs one.
// Reads outside of a transaction go out one by one, each to the node that is right for it. A transaction, and everything
// after the first statement that may leave something on its session, stays on one connection until release().
// Invariants: statements of one client run one after the other, in order. A connection is held by at most one client. What an
// ORM forgets (a BEGIN that failed, a ROLLBACK that failed, a transaction left open) never goes back to the pool with it.
// With a single node the connection is taken by connect() itself, as pg does.

import { AsyncResource } from 'node:async_hooks'
import { EventEmitter } from 'node:events'
import pg from 'pg'
import { StrataError } from '../../../base/errors.ts'
import {
  isSubmittable,
  takeApart,
  textOf,
  type Call,
  type QueryCallback,
  type RoutedConfig,
} from '../statement/call.ts'
import { ClientBinding } from './client-binding.ts'
import type { Dispatcher } from '../routing/dispatcher.ts'
import type { Holder, PooledClient } from '../connections/node-pool.ts'
import { preparedName } from '../statement/prepared.ts'
import type { ServerNode } from '../cluster/server-node.ts'
import type { Scope } from '../routing/session.ts'
import type { Told } from '../telemetry.ts'

type Done = () => void

export interface LazyClientOwner {
  readonly dispatcher: Dispatcher
  /** A connection came back inside a transaction, which was rolled back. */
  onHealed(node: ServerNode): void
}

export class LazyClient extends EventEmitter {
  /** Set at every checkout, so that a second call of it is known. */
  release: (error?: Error | boolean) => void = () => undefined
  /** Set at every checkout: nobody need wait for this client any more. May be called again. */
  finishCheckout: () => void = () => undefined
  readonly #owner: LazyClientOwner
  readonly #binding: ClientBinding
  readonly #queue: ((done: Done) => void)[] = []
  #running = false
  #scope: Scope | undefined
  #released: boolean = false

  constructor(owner: LazyClientOwner) {
    super()
    this.#owner = owner
    this.#binding = new ClientBinding({
      dispatcher: owner.dispatcher,
      owner: this,
      onHealed: (node) => owner.onHealed(node),
      onBeginFailed: () => this.finishCheckout(),
    })
  }

  /** Begins a checkout. */
  checkOut(scope: Scope | undefined, holder: Holder | undefined): void {
    this.#scope = scope
    this.#released = false
    this.#binding.begin(holder)
  }

  /** Takes the connection now. */
  bindNow(node: ServerNode, callback: (error: Error | undefined) => void): void {
    this.#binding.bind(node, callback)
  }

  /** Ends a checkout; what still runs is waited for. `onFree`: nothing of it is left, the client may be checked out anew. */
  checkIn(error: Error | boolean | null | undefined, onFree: () => void): void {
    this.#released = true
    const isRunning = this.#running
    if (!isRunning || Boolean(error)) this.#binding.end(error)
    if (!isRunning) return onFree()
    this.#queue.push((done) => {
      this.#binding.end(error)
      done()
      onFree()
    })
  }

  get processID(): number | null {
    return (this.#binding.current as unknown as { processID: number } | undefined)?.processID ?? null
  }

  get secretKey(): number | null {
    return (this.#binding.current as unknown as { secretKey: number } | undefined)?.secretKey ?? null
  }

  /** The physical connection, while there is one. */
  get bound(): PooledClient | undefined {
    return this.#binding.client
  }

  /** Of a statement that is sent on the connection itself. Undefined: nobody listens. */
  tell(text: string): Told | undefined {
    const told = this.#binding.tell(text, 'write')
    const { node } = this.#binding
    if (node !== undefined) told?.servedBy(node)
    return told
  }

  /** The node that holds the connection, while there is one. */
  get node(): string | undefined {
    return this.#binding.node?.name
  }

  query(config: unknown, values?: unknown, callback?: unknown): unknown {
    if (config === null || config === undefined) throw new TypeError('Client was passed a null or undefined query')
    if (typeof values === 'function') {
      callback = values
      values = undefined
    }
    const scope = this.#owner.dispatcher.currentScope() ?? this.#scope
    if (isSubmittable(config)) {
      this.#submit(config, values, callback, scope)
      return config
    }
    const given = callback ?? (config as { callback?: unknown }).callback
    if (typeof given === 'function') {
      // In its caller's context: that of the socket is whoever's who first needed the connection.
      const answer = AsyncResource.bind(given as QueryCallback)
      this.#enqueue(config as string | RoutedConfig, values as unknown[] | undefined, scope, answer)
      return undefined
    }
    if (given !== undefined) throw new TypeError('callback is not a function')
    return new Promise((resolve, reject) => {
      this.#enqueue(config as string | RoutedConfig, values as unknown[] | undefined, scope, (error, result) => {
        if (error === null || error === undefined) resolve(result)
        else reject(error)
      })
    }).catch((error: unknown) => {
      // The stack of the caller, not of the socket.
      if (error instanceof Error) Error.captureStackTrace(error)
      throw error
    })
  }

  #enqueue(
    config: string | RoutedConfig,
    values: unknown[] | undefined,
    scope: Scope | undefined,
    callback: QueryCallback,
  ): void {
    if (this.#released) return queueMicrotask(() => callback(usedAfterRelease()))
    let call: Call
    try {
      call = takeApart(config, values, preparedName)
    } catch (error) {
      return queueMicrotask(() => callback(error as Error))
    }
    const job = (done: Done): void =>
      this.#binding.run(call, scope, (error, result) => {
        // Before the answer: what the caller sends next finds the client free.
        done()
        callback(error, result)
      })
    this.#run(this.#owner.dispatcher.telemetry.inContext(job))
  }

  #submit(submittable: pg.Submittable, values: unknown, callback: unknown, scope: Scope | undefined): void {
    const own = submittable as { callback?: unknown; handleError?(error: Error, connection?: unknown): void }
    if (own.callback === undefined && typeof (callback ?? values) === 'function') own.callback = callback ?? values
    const fail = (error: Error): void => own.handleError?.(error, { sync: () => undefined })
    if (this.#released) return queueMicrotask(() => fail(usedAfterRelease()))
    const job = (done: Done): void =>
      this.#binding.submit(submittable, textOf(submittable), scope, (error) => {
        done()
        if (error !== undefined) fail(error)
      })
    this.#run(this.#owner.dispatcher.telemetry.inContext(job))
  }

  #run(job: (done: Done) => void): void {
    if (this.#running) {
      this.#queue.push(job)
      return
    }
    this.#running = true
    job(() => {
      this.#running = false
      const next = this.#queue.shift()
      if (next !== undefined) this.#run(next)
    })
  }

  // What else a pg.Client has.

  connect(callback?: (error: Error) => void): Promise<never> | undefined {
    const error = new Error('Client has already been connected. You cannot reuse a client.')
    if (callback === undefined) return Promise.reject(error)
    queueMicrotask(() => callback(error))
    return undefined
  }

  /** Closes the connection, if there is one; release() is still owed. */
  end(callback?: (error?: Error) => void): Promise<void> | undefined {
    const ended = this.#binding.client?.end() ?? Promise.resolve()
    if (callback === undefined) return ended
    void ended.then(() => callback())
    return undefined
  }

  getTransactionStatus(): 'I' | 'T' | 'E' | null {
    return this.#binding.client?.getTransactionStatus() ?? 'I'
  }

  ref(): void {
    ;(this.#binding.client as unknown as { ref?(): void } | undefined)?.ref?.()
  }

  unref(): void {
    ;(this.#binding.client as unknown as { unref?(): void } | undefined)?.unref?.()
  }

  escapeIdentifier(text: string): string {
    return pg.escapeIdentifier(text)
  }

  escapeLiteral(text: string): string {
    return pg.escapeLiteral(text)
  }

  setTypeParser(...args: Parameters<typeof pg.types.setTypeParser>): void {
    const client = this.#binding.client
    if (client === undefined) {
      throw new StrataError('VALUE_INVALID', {
        message: 'setTypeParser() on a client that has no connection yet',
        advice: 'Give the parsers to the pool (`types`), or to the query.',
      })
    }
    ;(client.setTypeParser as (...args: unknown[]) => void)(...args)
  }

  getTypeParser(oid: number, format?: 'text' | 'binary'): unknown {
    return (pg.types.getTypeParser as (oid: number, format?: string) => unknown)(oid, format)
  }
}

function usedAfterRelease(): StrataError {
  return new StrataError('POOL_RELEASED_TWICE', {
    message: 'Client was used after it was released to the pool',
    advice: 'Await every query before release(), and take a new client for more.',
  })
}
