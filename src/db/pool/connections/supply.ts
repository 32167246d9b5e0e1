// Makes and closes the connections of one server; who has them is the business of NodePool.
//
// Promises: never more than `max` sockets at once, those being made and those being closed included. A connection is begun
// only for somebody who waits, or to keep `min` up once warm() was called. While attempts fail, one is begun after a
// growing wait; at once only when nothing else is left that could serve whoever waits. `error` of a client always has a
// listener, for without one it would end the process.
// State: the clients with a socket, and how many of them are being made.

import { assert } from '../../../base/errors.ts'
import { connectClient, type ConnectOutcome } from './connecting.ts'
import type { NodePoolOptions } from './node-pool-options.ts'
import { adopt, closeClient, poolState, type PooledClient } from './pooled-client.ts'
import { poolClosed } from './pool-errors.ts'
import { RetryGate } from './retry-gate.ts'

export interface SupplyHooks {
  waiting(): number
  /** Idle and in use. */
  live(): number
  /** A new connection, to be given out or kept idle. */
  ready(client: PooledClient): void
  /** An attempt failed; `connecting` no longer counts it. */
  failed(error: Error): void
  /** A socket is closed, and its place free. */
  gone(): void
  /** An idle one must go: it broke, with an error, or its lifetime is over. */
  drop(client: PooledClient, error: Error | undefined): void
}

interface Warming {
  resolve(): void
  reject(error: Error): void
}

/** setTimeout takes no more. */
export const maxTimerMs: number = 2 ** 31 - 1
const lifetimeJitter = 0.1

export class Supply {
  readonly clients: Set<PooledClient> = new Set()
  connecting = 0
  connects = 0
  connectFailures = 0
  destroyed = 0
  readonly #options: NodePoolOptions
  readonly #hooks: SupplyHooks
  readonly #gate: RetryGate
  #warming: Warming[] = []
  #generation = 0
  #keepsMin = false
  #isShut = false

  constructor(options: NodePoolOptions, hooks: SupplyHooks) {
    this.#options = options
    this.#hooks = hooks
    this.#gate = new RetryGate(options.clock, options.random, () => this.grow())
  }

  get min(): number {
    return Math.min(this.#options.min, this.#options.max)
  }

  /** Of an earlier generation: to be closed. */
  isStale(client: PooledClient): boolean {
    return client[poolState].generation !== this.#generation
  }

  /** Begins what is wanted and may be begun. */
  grow(): void {
    const hooks = this.#hooks
    while (this.clients.size < this.#options.max) {
      const forWaiter = this.connecting < hooks.waiting()
      const forMin = this.#keepsMin && hooks.live() + this.connecting < this.min
      if (!forWaiter && !forMin) return
      const isLastHope = forWaiter && hooks.live() + this.connecting === 0
      if (this.#gate.closed && !isLastHope) return
      if (!this.#begin()) return
    }
  }

  /** Resolves when `min` are there; keeps them up from now on. Rejects with the first failure. */
  warm(): Promise<void> {
    if (this.#isShut) return Promise.reject(poolClosed(this.#options))
    this.#keepsMin = true
    if (this.#hooks.live() >= this.min) return Promise.resolve()
    return new Promise((resolve, reject) => {
      this.#warming.push({ resolve, reject })
      this.grow()
    })
  }

  renew(): void {
    this.#generation++
    this.#gate.open()
  }

  /** From now on connections are made for those who wait, and for nothing else. */
  shut(): void {
    this.#isShut = true
    this.#keepsMin = false
    this.#gate.open()
    this.#settle(poolClosed(this.#options))
  }

  close(client: PooledClient, force: boolean): void {
    const { allowExitOnIdle, deadlines, events } = this.#options
    const state = client[poolState]
    assert(state.phase !== 'closing', 'A connection is closed once')
    state.phase = 'closing'
    state.lifetime?.()
    // Whoever waits for the end of the pool needs the process to live until the socket is closed.
    if (allowExitOnIdle) client.ref()
    closeClient(client, { force, deadlines }, () => {
      this.clients.delete(client)
      this.destroyed++
      if (state.announced) events.remove(client)
      this.#hooks.gone()
    })
  }

  abandonConnecting(): void {
    for (const client of this.clients) client[poolState].abandon?.()
  }

  /** Closes everything without a goodbye. */
  cutOff(): void {
    for (const client of this.clients) {
      const { phase, abandon } = client[poolState]
      if (phase === 'closing') client.connection.stream.destroy()
      else if (abandon !== undefined) abandon()
      else if (phase !== 'connecting') this.close(client, true)
    }
  }

  /** False: it could not even be tried, and that is told in a moment. */
  #begin(): boolean {
    let client: PooledClient
    try {
      client = adopt(this.#options.connect(), this.#generation)
    } catch (error) {
      this.connecting++
      queueMicrotask(() => {
        this.#fail(error as Error)
        this.grow()
      })
      return false
    }
    client.on('error', (error) => this.#onError(client, error))
    this.connecting++
    this.clients.add(client)
    connectClient(client, this.#options, (outcome, error) => this.#finish(client, outcome, error))
    return true
  }

  #finish(client: PooledClient, outcome: ConnectOutcome, error: Error | undefined): void {
    if (outcome !== 'connected') {
      if (outcome === 'abandoned' || error === undefined) this.connecting--
      else this.#fail(error, outcome)
      this.close(client, true)
      return this.grow()
    }
    if (this.#isWanted(client)) {
      client[poolState].announced = true
      this.#options.events.connect(client)
    }
    this.connecting--
    // Whoever was told of it may have changed what is wanted.
    if (!this.#isWanted(client)) {
      this.close(client, false)
      return this.grow()
    }
    this.connects++
    this.#gate.open()
    this.#limitLifetime(client)
    this.#hooks.ready(client)
    if (this.#hooks.live() >= this.min) this.#settle()
    this.grow()
  }

  #fail(error: Error, outcome: ConnectOutcome = 'failed'): void {
    this.connecting--
    this.connectFailures++
    this.#gate.fail()
    this.#settle(error)
    // One that takes too long fails nobody: each waiter has its own bound.
    if (outcome === 'failed') this.#hooks.failed(error)
  }

  #isWanted(client: PooledClient): boolean {
    return !this.isStale(client) && !(this.#isShut && this.#hooks.waiting() === 0)
  }

  #limitLifetime(client: PooledClient): void {
    const { maxLifetimeMs, clock, random } = this.#options
    if (maxLifetimeMs <= 0 || maxLifetimeMs === Infinity) return
    const state = client[poolState]
    const lifetimeMs = Math.min(maxTimerMs, maxLifetimeMs * (1 - lifetimeJitter * random()))
    state.lifetime = clock.after(lifetimeMs, () => {
      state.expired = true
      if (state.phase === 'idle') this.#hooks.drop(client, undefined)
    })
  }

  #onError(client: PooledClient, error: Error): void {
    const state = client[poolState]
    if (state.phase === 'idle') this.#hooks.drop(client, error)
    else state.broken ??= error
  }

  #settle(error?: Error): void {
    const warming = this.#warming
    this.#warming = []
    for (const each of warming) {
      if (error === undefined) each.resolve()
      else each.reject(error)
    }
  }
}
