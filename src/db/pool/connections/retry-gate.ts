// Waits between attempts to connect that keep failing, so that a dead server is not hammered: 50 ms, doubled each time up to
// two seconds, jittered. One success opens the gate at once. Its timer keeps no process alive.

import type { Clock } from '../../../base/clock.ts'
import { jitter, type Random } from '../../../base/random.ts'

const firstWaitMs = 50
const lastWaitMs = 2_000

export class RetryGate {
  readonly #clock: Clock
  readonly #random: Random
  readonly #onOpen: () => void
  #failures = 0
  #callOff: (() => void) | undefined

  constructor(clock: Clock, random: Random, onOpen: () => void) {
    this.#clock = clock
    this.#random = random
    this.#onOpen = onOpen
  }

  get closed(): boolean {
    return this.#callOff !== undefined
  }

  /** Failures while it is closed are of attempts begun before, and count as one. */
  fail(): void {
    if (this.#callOff !== undefined) return
    const waitMs = Math.min(lastWaitMs, firstWaitMs * 2 ** Math.min(this.#failures, 10))
    this.#failures++
    this.#callOff = this.#clock.after(jitter(waitMs, 0.5, this.#random), () => {
      this.#callOff = undefined
      this.#onOpen()
    })
  }

  open(): void {
    this.#callOff?.()
    this.#callOff = undefined
    this.#failures = 0
  }
}
