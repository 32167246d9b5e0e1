// Waiting for something about the cluster to become true: a replica that catches up, a primary that is found.
// Every wait is bounded and calls back exactly once. While anybody waits, the servers are looked at more often.

import type { Clock } from '../../../base/clock.ts'

interface Waiter {
  readonly isTrue: () => boolean
  readonly finish: () => void
}

export class News {
  readonly #clock: Clock
  readonly #look: () => void
  readonly #waiters = new Set<Waiter>()

  constructor(clock: Clock, look: () => void) {
    this.#clock = clock
    this.#look = look
  }

  /** Calls back as soon as `isTrue`, and after `boundMs` in any case. */
  wait(isTrue: () => boolean, boundMs: number, callback: () => void): void {
    if (boundMs <= 0) return callback()
    const waiter: Waiter = {
      isTrue,
      finish: () => {
        stop()
        if (!this.#waiters.delete(waiter)) return
        try {
          callback()
        } catch (error) {
          // Whoever brings the news is not to suffer for what is made of them.
          queueMicrotask(() => {
            throw error
          })
        }
      },
    }
    const stop = this.#clock.after(boundMs, waiter.finish)
    this.#waiters.add(waiter)
    this.#look()
  }

  /** Something was learned. */
  tell(): void {
    if (this.#waiters.size === 0) return
    for (const waiter of Array.from(this.#waiters)) if (this.#waiters.has(waiter) && waiter.isTrue()) waiter.finish()
    if (this.#waiters.size > 0) this.#look()
  }

  /** Nothing will be learned any more. */
  close(): void {
    for (const waiter of Array.from(this.#waiters)) waiter.finish()
  }
}
