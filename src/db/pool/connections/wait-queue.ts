// Who waits for a connection, first come first served. Taking the first and leaving from the middle cost the same however
// many wait. A waiter's bound is called off when it leaves the queue.

import type { Deadline, Deadlines } from '../../../base/deadlines.ts'
import type { AcquireCallback, Holder } from './node-pool-options.ts'

export interface Waiter {
  readonly callback: AcquireCallback
  readonly holder: Holder | undefined
  readonly sinceMs: number
  /** Of its bound. */
  deadline: Deadline | undefined
  before: Waiter | undefined
  after: Waiter | undefined
}

export class WaitQueue {
  length = 0
  #first: Waiter | undefined
  #last: Waiter | undefined
  readonly #deadlines: Deadlines

  constructor(deadlines: Deadlines) {
    this.#deadlines = deadlines
  }

  push(callback: AcquireCallback, holder: Holder | undefined, sinceMs: number): Waiter {
    const before = this.#last
    const waiter: Waiter = { callback, holder, sinceMs, deadline: undefined, before, after: undefined }
    if (before === undefined) this.#first = waiter
    else before.after = waiter
    this.#last = waiter
    this.length++
    return waiter
  }

  shift(): Waiter | undefined {
    const first = this.#first
    if (first !== undefined) this.remove(first)
    return first
  }

  /** Of one that is in the queue. */
  remove(waiter: Waiter): void {
    const { before, after } = waiter
    if (before === undefined) this.#first = after
    else before.after = after
    if (after === undefined) this.#last = before
    else after.before = before
    waiter.before = undefined
    waiter.after = undefined
    this.length--
    if (waiter.deadline !== undefined) this.#deadlines.remove(waiter.deadline)
  }
}
