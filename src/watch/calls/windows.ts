// The last ten minutes, in slots of ten seconds: what getStats(windowMs) is answered from.
//
// What must be true: a statement is in exactly one slot, that of its end. A window is answered from whole slots and the one
// under way, so it reaches up to ten seconds further back than asked for; `coveredMs` says how far.
// Bound: 60 histograms, made as they are needed (240 kB at most).

import type { Clock } from '../../base/clock.ts'
import { Histogram } from './histogram.ts'

const slotMs = 10_000
const slotCount = 60

export interface WindowReading {
  readonly histogram: Histogram
  readonly coveredMs: number
}

export class Windows {
  readonly #clock: Clock
  readonly #beganAtMs: number
  readonly #slots: (Histogram | undefined)[] = Array.from({ length: slotCount }, () => undefined)
  #current: Histogram = new Histogram()
  /** Of all slots that are over. */
  readonly #past: Histogram = new Histogram()
  /** Of the slot under way, counted from the beginning. */
  #slot = 0
  #endsAtMs: number

  constructor(clock: Clock) {
    this.#clock = clock
    this.#beganAtMs = clock.monotonic()
    this.#endsAtMs = this.#beganAtMs + slotMs
    this.#slots[0] = this.#current
  }

  /** `nowMs`: by the monotonic clock; who records has looked at it anyway. */
  record(durationMs: number, isFailure: boolean, nowMs: number): void {
    if (nowMs >= this.#endsAtMs) this.#moveOn(nowMs)
    this.#current.record(durationMs, isFailure)
  }

  read(windowMs: number): WindowReading {
    const nowMs = this.#clock.monotonic()
    if (nowMs >= this.#endsAtMs) this.#moveOn(nowMs)
    const wholeSlots = Math.min(slotCount - 1, this.#slot, Math.ceil(Math.max(0, windowMs) / slotMs))
    const histogram = new Histogram()
    for (let back = 0; back <= wholeSlots; back++) {
      const slot = this.#slots[(this.#slot - back) % slotCount]
      if (slot !== undefined) histogram.merge(slot)
    }
    const currentMs = nowMs - (this.#endsAtMs - slotMs)
    return { histogram, coveredMs: wholeSlots * slotMs + currentMs }
  }

  /** Since the beginning. */
  total(): Histogram {
    const total = new Histogram()
    total.merge(this.#past)
    total.merge(this.#current)
    return total
  }

  #moveOn(nowMs: number): void {
    this.#past.merge(this.#current)
    const slot = Math.floor((nowMs - this.#beganAtMs) / slotMs)
    // Those nothing happened in, and at most all of them.
    for (let passed = Math.max(this.#slot + 1, slot - slotCount + 1); passed <= slot; passed++) {
      this.#slots[passed % slotCount]?.clear()
    }
    this.#slot = slot
    this.#endsAtMs = this.#beganAtMs + (slot + 1) * slotMs
    this.#current = this.#slots[slot % slotCount] ??= new Histogram()
  }
}
