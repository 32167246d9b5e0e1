// The idle connections of one server. The one used last is taken first, so that surplus ones grow old and are closed.
// Promises: one timer looks at the oldest; none is set for each that comes and goes. It keeps no process alive.
// State: the clients in phase 'idle', the one used last at the end.

import type { NodePoolOptions } from './node-pool-options.ts'
import { poolState, type PooledClient } from './pooled-client.ts'
import { maxTimerMs } from './supply.ts'

export interface IdleHooks {
  /** How many may be closed. */
  surplus(): number
  close(client: PooledClient): void
}

export class IdleClients {
  readonly #options: Pick<NodePoolOptions, 'idleTimeoutMs' | 'allowExitOnIdle' | 'clock'>
  readonly #hooks: IdleHooks
  readonly #clients: PooledClient[] = []
  #callOff: (() => void) | undefined

  constructor(options: Pick<NodePoolOptions, 'idleTimeoutMs' | 'allowExitOnIdle' | 'clock'>, hooks: IdleHooks) {
    this.#options = options
    this.#hooks = hooks
  }

  get length(): number {
    return this.#clients.length
  }

  push(client: PooledClient, nowMs: number): void {
    const state = client[poolState]
    state.phase = 'idle'
    state.idleSinceMs = nowMs
    if (this.#options.allowExitOnIdle) client.unref()
    this.#clients.push(client)
    if (this.#callOff === undefined) this.#watch(nowMs)
  }

  pop(): PooledClient | undefined {
    return this.#clients.pop()
  }

  remove(client: PooledClient): void {
    const index = this.#clients.indexOf(client)
    if (index >= 0) this.#clients.splice(index, 1)
  }

  /** All of them; the watch is called off. */
  clear(): readonly PooledClient[] {
    this.#callOff?.()
    this.#callOff = undefined
    return this.#clients.splice(0)
  }

  #watch(nowMs: number): void {
    const { idleTimeoutMs, clock } = this.#options
    const [oldest] = this.#clients
    if (idleTimeoutMs === 0 || oldest === undefined || this.#hooks.surplus() <= 0) return
    const leftMs = oldest[poolState].idleSinceMs + idleTimeoutMs - nowMs
    this.#callOff = clock.after(Math.min(maxTimerMs, Math.max(1, Math.ceil(leftMs))), () => {
      this.#callOff = undefined
      this.#closeOld()
    })
  }

  #closeOld(): void {
    const { idleTimeoutMs, clock } = this.#options
    const hooks = this.#hooks
    const nowMs = clock.monotonic()
    for (let [oldest] = this.#clients; oldest !== undefined && hooks.surplus() > 0; [oldest] = this.#clients) {
      if (oldest[poolState].idleSinceMs + idleTimeoutMs > nowMs) break
      this.#clients.shift()
      hooks.close(oldest)
    }
    if (this.#callOff === undefined) this.#watch(nowMs)
  }
}
