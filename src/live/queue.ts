// What waits for one client: of each row the last event alone, in the order of those.
//
// What must be true: what is taken leaves the client with the last event of every row, or says that it must begin anew. In an
// overflow everything is let go, and nothing more is taken in until that was said. Bounded by number and by size.

import type { Frame } from './frame.ts'

export interface QueueLimits {
  readonly queueEvents: number
  readonly queueBytes: number
}

export class ClientQueue {
  readonly #limits: QueueLimits
  readonly #frames = new Map<string, Buffer>()
  #bytes = 0
  #hasOverflowed = false

  constructor(limits: QueueLimits) {
    this.#limits = limits
  }

  get isEmpty(): boolean {
    return this.#frames.size === 0 && !this.#hasOverflowed
  }

  get hasOverflowed(): boolean {
    return this.#hasOverflowed
  }

  push({ slot, bytes }: Frame): void {
    if (this.#hasOverflowed) return
    const before = this.#frames.get(slot)
    if (before !== undefined) {
      this.#frames.delete(slot)
      this.#bytes -= before.length
    }
    this.#frames.set(slot, bytes)
    this.#bytes += bytes.length
    if (this.#frames.size > this.#limits.queueEvents || this.#bytes > this.#limits.queueBytes) this.overflow()
  }

  overflow(): void {
    this.#frames.clear()
    this.#bytes = 0
    this.#hasOverflowed = true
  }

  /** Empties it. 'reset': what was let go is not here. */
  take(): readonly Buffer[] | 'reset' {
    if (this.#hasOverflowed) {
      this.#hasOverflowed = false
      return 'reset'
    }
    const taken = [...this.#frames.values()]
    this.#frames.clear()
    this.#bytes = 0
    return taken
  }
}
