// The connection that a client of the application keeps: taken from the node that is right for it, given back clean.
// Invariants: at most one at a time. What the session of an open transaction has seen in it is not known outside before its
// end, so until then its other reads go to the primary; a transaction that nobody ended leaves the session unsettled.

import type { EventEmitter } from 'node:events'
import { acquireWriter } from '../routing/acquire-writer.ts'
import type { Dispatcher } from '../routing/dispatcher.ts'
import { giveBack } from '../statement/give-back.ts'
import { linkOf } from '../cluster/link.ts'
import type { Holder, PooledClient } from '../connections/node-pool.ts'
import type { Route } from '../options.ts'
import { hasReached } from '../statement/run-statement.ts'
import type { ServerNode } from '../cluster/server-node.ts'
import type { CausalSession } from '../routing/session.ts'

export interface KeptConnectionParts {
  readonly dispatcher: Dispatcher
  /** Notices and notifications are told to it. */
  readonly owner: EventEmitter
  readonly onHealed: (node: ServerNode) => void
}

export class KeptConnection {
  client: PooledClient | undefined
  node: ServerNode | undefined
  /** Who takes it, for a report of a leak. */
  holder: Holder | undefined
  /** Something was left on it that later statements may count on. */
  keepsState = false
  readonly #dispatcher: Dispatcher
  readonly #owner: EventEmitter
  readonly #onHealed: (node: ServerNode) => void
  /** The session of the transaction that is open. */
  #transaction: CausalSession | undefined

  constructor(parts: KeptConnectionParts) {
    this.#dispatcher = parts.dispatcher
    this.#owner = parts.owner
    this.#onHealed = parts.onHealed
  }

  /** A connection of this node. */
  take(node: ServerNode, callback: (error: Error | undefined) => void): void {
    const client = node.pool.take(this.holder)
    if (client !== undefined) {
      this.#keep(node, client)
      return callback(undefined)
    }
    node.pool.acquire((error, acquired) => {
      if (acquired !== undefined) this.#keep(node, acquired)
      callback(error)
    }, this.holder)
  }

  /** To the best node of the route, checked on the connection itself; to the primary where there is none. */
  takeFor(route: Route, session: CausalSession | undefined, callback: (error: Error | undefined) => void): void {
    if (route !== 'write') this.#dispatcher.noteReads()
    const node = route === 'write' ? undefined : this.#dispatcher.router.pick(route, session)
    if (node === undefined) return this.takeWriter(session, callback)
    this.take(node, (error) => {
      const { client } = this
      if (error !== undefined || client === undefined) return this.takeWriter(session, callback)
      hasReached(client, session, (reached) => {
        // Behind a pooler the next statement may meet another server than the one that was asked.
        if (reached && (linkOf(client).direct || session === undefined)) return callback(undefined)
        this.letGo(undefined)
        this.takeWriter(session, callback)
      })
    })
  }

  takeWriter(session: CausalSession | undefined, callback: (error: Error | undefined) => void): void {
    const untilMs = this.#dispatcher.clock.monotonic() + this.#dispatcher.writerWaitMs
    acquireWriter(this.#dispatcher, { session, holder: this.holder, untilMs }, (error, node, client) => {
      if (node !== undefined && client !== undefined) this.#keep(node, client)
      callback(error)
    })
  }

  #keep(node: ServerNode, client: PooledClient): void {
    this.client = client
    this.node = node
    linkOf(client).holder = this.#owner
  }

  letGo(error: Error | boolean | null | undefined): void {
    const { client, node } = this
    if (client === undefined || node === undefined) return
    this.client = undefined
    this.node = undefined
    this.keepsState = false
    if (this.#transaction !== undefined) {
      this.#transaction.unsettle()
      this.#transaction.finish()
      this.#transaction = undefined
    }
    linkOf(client).holder = undefined
    // As in pg, an error means that the connection is not to be used again; null is none.
    const isBad = error !== undefined && error !== null && error !== false
    giveBack(node.pool, client, isBad ? true : undefined, () => this.#onHealed(node))
  }
  /** While a transaction is open, what its session has seen in it is not known outside of it. */
  followTransaction(session: CausalSession | undefined): void {
    const isOpen = this.client !== undefined && this.client.getTransactionStatus() !== 'I'
    if (isOpen && this.#transaction === undefined && session?.monotonic === true) {
      this.#transaction = session
      session.begin()
    } else if (!isOpen && this.#transaction !== undefined) {
      this.#transaction.finish()
      this.#transaction = undefined
    }
  }
}
