// The connections of one server, given out and taken back.
//
// Promises: never more than `max` sockets, those being made and those being closed included (a server may notice a moment
// later that one was cut off). First come, first served; the connection used last is given out first, so that surplus
// ones grow old and are closed. A connection is made only when none is idle, and whichever is free first goes to who has
// waited longest. acquire() calls back exactly once, never before it has returned. Nothing that is broken, busy, expired
// or of an earlier generation is given out.
// When connecting fails, who has waited longest gets pg's own error, unless enough other attempts are under way; when
// nothing is left that could come free, all who wait get it at once, for to wait on would only be slower.
// State: #idle has the clients in phase 'idle', #inUse counts those in phase 'used'; #supply has them all.

import { checkOut, takeBack } from './checkout.ts'
import type { AcquireCallback, Holder, NodePoolOptions, NodePoolStats } from './node-pool-options.ts'
import { IdleClients } from './idle-clients.ts'
import { isFit, poolState, type ClientState, type PooledClient } from './pooled-client.ts'
import { poolClosed, queueFull, waitedTooLong, type Busyness } from './pool-errors.ts'
import { maxTimerMs, Supply } from './supply.ts'
import { Usage } from './usage.ts'
import { WaitQueue, type Waiter } from './wait-queue.ts'
import { Waits } from './waits.ts'

export type * from './node-pool-options.ts'
export { poolState, type PooledClient } from './pooled-client.ts'

export class NodePool {
  readonly #options: NodePoolOptions
  readonly #idle: IdleClients
  readonly #queue: WaitQueue
  readonly #waits = new Waits()
  readonly #usage: Usage
  readonly #supply: Supply
  #inUse = 0
  #uses = 0
  /** Whether waiters are being called back: what they give back meanwhile is served by the same loop. */
  #isServing = false
  #ending: Promise<void> | undefined
  #onEnded: (() => void) | undefined

  constructor(options: NodePoolOptions) {
    this.#options = options
    this.#queue = new WaitQueue(options.deadlines)
    this.#usage = new Usage(options.max, options.warnAt, options.clock.monotonic())
    this.#idle = new IdleClients(options, {
      surplus: () => this.total - this.#supply.min,
      close: (client) => this.#supply.close(client, false),
    })
    this.#supply = new Supply(options, {
      waiting: () => this.#queue.length,
      live: () => this.#inUse + this.#idle.length,
      ready: (client) => this.#receive(client),
      failed: (error) => this.#failWaiters(error),
      gone: () => {
        this.#supply.grow()
        this.#wind()
      },
      drop: (client, error) => this.#drop(client, error),
    })
  }

  get inUse(): number {
    return this.#inUse
  }

  get idle(): number {
    return this.#idle.length
  }

  get waiting(): number {
    return this.#queue.length
  }

  /** Idle, in use and being made. */
  get total(): number {
    return this.#inUse + this.#idle.length + this.#supply.connecting
  }

  get outstanding(): number {
    return this.#inUse + this.#queue.length
  }

  /** An idle connection at once; undefined also when others wait for one. `askedMs`: by the clock, for who has just asked it. */
  take(holder?: Holder, askedMs?: number): PooledClient | undefined {
    if (this.#queue.length > 0 || this.#ending !== undefined) return undefined
    const client = this.#idle.pop()
    if (client === undefined) return undefined
    const nowMs = askedMs ?? this.#options.clock.monotonic()
    this.#waits.add(0)
    checkOut(client, this.#options, { holder, nowMs })
    this.#uses++
    this.#inUse++
    this.#noteUse(nowMs)
    return client
  }

  /** The callback must not throw: it runs inside the release that serves it. */
  acquire(callback: AcquireCallback, holder?: Holder): void {
    if (this.#ending !== undefined) return queueMicrotask(() => callback(poolClosed(this.#options)))
    const client = this.take(holder)
    if (client !== undefined) return queueMicrotask(() => callback(undefined, client))
    const { max, maxWaiting, connectTimeoutMs, deadlines, events } = this.#options
    const nowMs = this.#options.clock.monotonic()
    const open = max - this.#supply.clients.size + this.#supply.connecting
    if (this.#queue.length >= maxWaiting + open) {
      this.#waits.addRefused()
      const error = queueFull(this.#options, this.#busyness())
      queueMicrotask(() => callback(error))
    } else {
      const waiter = this.#queue.push(callback, holder, nowMs)
      if (connectTimeoutMs > 0) {
        waiter.deadline = deadlines.add(connectTimeoutMs, () => this.#timeOut(waiter), nowMs)
      }
      this.#supply.grow()
    }
    if (this.#inUse >= max && this.#usage.exhaust(nowMs)) events.exhausted(this.stats())
  }

  /**
   * An error, or true, closes it. `checkout` says which time of being given out is meant (see ClientState): with it a
   * release that comes twice is known even when somebody else has the connection by then.
   */
  release(client: PooledClient, error?: Error | boolean, checkout?: number, askedMs?: number): void {
    takeBack(client, this.#options, checkout)
    const state = client[poolState]
    // The end of the pool cut it off.
    if (state.phase !== 'used') return
    const nowMs = askedMs ?? this.#options.clock.monotonic()
    if ((error !== undefined && error !== false) || this.#isSpent(client, state)) {
      this.#inUse--
      this.#supply.close(client, false)
    } else if (this.#queue.length > 0 && !this.#isServing) {
      return this.#serve(client, nowMs)
    } else {
      this.#inUse--
      this.#idle.push(client, nowMs)
    }
    this.#noteUse(nowMs)
  }

  /** Makes connections until `min` are there, and keeps them up from now on. Rejects with the first failure. */
  warm(): Promise<void> {
    return this.#supply.warm()
  }

  /** Closes what is idle now, and what is in use when it comes back: the server behind the name is not what it was. */
  renew(): void {
    this.#supply.renew()
    this.#closeIdle()
    this.#supply.grow()
  }

  /**
   * Who waits is still served, who comes is refused, what is in use is waited for. After `drainTimeoutMs` (0: no bound) the
   * rest is cut off and who still waits fails. The same promise each time.
   */
  end(drainTimeoutMs: number = 0): Promise<void> {
    if (this.#ending !== undefined) return this.#ending
    const boundMs = Math.min(maxTimerMs, drainTimeoutMs)
    const callOff = boundMs > 0 ? this.#options.clock.after(boundMs, () => this.#cutOff()) : undefined
    this.#ending = new Promise((resolve) => {
      this.#onEnded = () => {
        callOff?.()
        resolve()
      }
    })
    this.#supply.shut()
    this.#supply.grow()
    this.#wind()
    return this.#ending
  }

  stats(): NodePoolStats {
    const { connects, connectFailures, destroyed, min } = this.#supply
    return {
      node: this.#options.name,
      max: this.#options.max,
      min,
      total: this.total,
      idle: this.#idle.length,
      active: this.#inUse,
      waiting: this.#queue.length,
      utilization: this.#usage.percent(),
      averageUtilization: this.#usage.averagePercent(this.#options.clock.monotonic()),
      waits: this.#waits.stats(),
      connects,
      connectFailures,
      destroyed,
      uses: this.#uses,
    }
  }

  /** Counts and means begin anew; what is there stays. */
  resetStats(): void {
    this.#usage.reset(this.#options.clock.monotonic())
    this.#waits.reset()
    this.#uses = 0
    this.#supply.connects = this.#supply.connectFailures = this.#supply.destroyed = 0
  }

  #busyness(): Busyness {
    return { inUse: this.#inUse, connecting: this.#supply.connecting, waiting: this.#queue.length }
  }

  #noteUse(nowMs: number): void {
    if (this.#usage.set(this.#inUse, nowMs)) this.#options.events.warning(this.stats())
  }

  /** `checkout` counts its uses. */
  #isSpent(client: PooledClient, state: ClientState): boolean {
    const { maxUses } = this.#options
    return (
      state.broken !== undefined ||
      state.expired ||
      (maxUses > 0 && state.checkout >= maxUses) ||
      this.#supply.isStale(client) ||
      (this.#ending !== undefined && this.#queue.length === 0) ||
      !isFit(client)
    )
  }

  #receive(client: PooledClient): void {
    const nowMs = this.#options.clock.monotonic()
    if (this.#queue.length === 0 || this.#isServing) return this.#idle.push(client, nowMs)
    this.#inUse++
    this.#noteUse(nowMs)
    this.#serve(client, nowMs)
  }

  /** Gives a connection that counts as used to who has waited longest; and what they give back at once to the next. */
  #serve(client: PooledClient, nowMs: number): void {
    this.#isServing = true
    try {
      for (let next: PooledClient | undefined = client; next !== undefined;) {
        const waiter = this.#queue.shift()
        if (waiter === undefined) {
          this.#inUse--
          this.#idle.push(next, nowMs)
          break
        }
        this.#waits.add(nowMs - waiter.sinceMs)
        checkOut(next, this.#options, { holder: waiter.holder, nowMs })
        this.#uses++
        waiter.callback(undefined, next)
        next = this.#queue.length > 0 ? this.#idle.pop() : undefined
        if (next !== undefined) {
          this.#inUse++
          this.#noteUse(nowMs)
        }
      }
    } finally {
      this.#isServing = false
    }
    this.#wind()
  }

  #drop(client: PooledClient, error: Error | undefined): void {
    this.#idle.remove(client)
    this.#supply.close(client, false)
    if (error !== undefined) this.#options.events.error(error, client)
  }

  #closeIdle(): void {
    for (const client of this.#idle.clear()) this.#supply.close(client, false)
  }

  #timeOut(waiter: Waiter): void {
    const error = waitedTooLong(this.#options, this.#busyness())
    this.#queue.remove(waiter)
    this.#waits.addTimedOut(this.#options.clock.monotonic() - waiter.sinceMs)
    waiter.callback(error)
    this.#wind()
  }

  #failWaiters(error: Error): void {
    const isHopeless = this.total === 0
    const surplus = this.#queue.length - this.#supply.connecting
    const failing = isHopeless ? this.#queue.length : Math.min(1, surplus)
    for (let failed = 0; failed < failing; failed++) this.#queue.shift()?.callback(error)
    this.#wind()
  }

  /** On the way to the end: closes what nobody waits for, and sees whether it is reached. */
  #wind(): void {
    if (this.#ending === undefined || this.#queue.length > 0) return
    this.#supply.abandonConnecting()
    this.#closeIdle()
    if (this.#supply.clients.size === 0 && this.#supply.connecting === 0) this.#onEnded?.()
  }

  #cutOff(): void {
    const error = poolClosed(this.#options)
    while (this.#queue.length > 0) this.#queue.shift()?.callback(error)
    this.#idle.clear()
    this.#inUse = 0
    this.#noteUse(this.#options.clock.monotonic())
    this.#supply.cutOff()
    this.#wind()
  }
}
