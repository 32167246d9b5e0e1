// A warning is given when something begins, and again as long as it lasts, but not at every look: once in `againMs`.
// State: what it was last given of; forgotten when that is over. Bounded by what is looked at.

import type { Clock } from '../../base/clock.ts'

export class Repeats {
  readonly #clock: Clock
  readonly #againMs: number
  readonly #saidAtMs = new Map<string, number>()

  constructor(clock: Clock, againMs: number) {
    this.#clock = clock
    this.#againMs = againMs
  }

  /** Whether to say it now. */
  isDue(subject: string, isWrong: boolean): boolean {
    if (!isWrong) {
      this.#saidAtMs.delete(subject)
      return false
    }
    const nowMs = this.#clock.monotonic()
    const saidAtMs = this.#saidAtMs.get(subject)
    if (saidAtMs !== undefined && nowMs - saidAtMs < this.#againMs) return false
    this.#saidAtMs.set(subject, nowMs)
    return true
  }
}
