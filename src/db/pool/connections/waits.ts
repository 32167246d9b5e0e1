// How long connections were waited for: the last 2048 times, and counts. Adding one is a write into a ring; percentiles are
// worked out when asked for.

import type { WaitStats } from './node-pool-options.ts'

const ringSize = 2_048

export class Waits {
  readonly #ring = new Float64Array(ringSize)
  #next = 0
  #filled = 0
  #count = 0
  #timedOut = 0
  #refused = 0

  /** One that was served. */
  add(waitMs: number): void {
    this.#count++
    this.#write(waitMs)
  }

  addTimedOut(waitMs: number): void {
    this.#timedOut++
    this.#write(waitMs)
  }

  addRefused(): void {
    this.#refused++
  }

  reset(): void {
    this.#next = this.#filled = this.#count = this.#timedOut = this.#refused = 0
  }

  stats(): WaitStats {
    const sorted = this.#ring.slice(0, this.#filled).toSorted()
    return {
      count: this.#count,
      timedOut: this.#timedOut,
      refused: this.#refused,
      p50Ms: percentile(sorted, 0.5),
      p95Ms: percentile(sorted, 0.95),
      p99Ms: percentile(sorted, 0.99),
      maxMs: sorted.at(-1) ?? 0,
    }
  }

  #write(waitMs: number): void {
    this.#ring[this.#next] = waitMs
    this.#next = (this.#next + 1) % ringSize
    if (this.#filled < ringSize) this.#filled++
  }
}

/** Nearest rank: the smallest value that is not below a share of all. */
function percentile(sorted: Float64Array, share: number): number {
  return sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)] ?? 0
}
