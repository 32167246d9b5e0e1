// When what waits is sent: at once where nothing was sent for a while, and otherwise after a pause that is the longer, the longer
// sending kept the process busy. So it takes an eighth of the time, and a client hears of a change sooner where there is little to
// send. (Most of it is the system calls, which come after `send` has returned: 40 us for each client.)

import type { Clock } from '../base/clock.ts'

export interface TicksOptions {
  readonly clock: Clock
  readonly longestMs: number
  readonly send: () => void
}

const shortestMs = 10
const restPerSend = 8

export class Ticks {
  readonly #options: TicksOptions
  #nextMs = Number.NEGATIVE_INFINITY
  #isAsked = false
  #callOff: (() => void) | undefined

  constructor(options: TicksOptions) {
    this.#options = options
  }

  /** Something waits. */
  request(): void {
    this.#isAsked = true
    if (this.#callOff !== undefined) return
    const { clock } = this.#options
    this.#callOff = clock.after(Math.max(0, this.#nextMs - clock.monotonic()), () => this.#send())
  }

  stop(): void {
    this.#callOff?.()
    this.#callOff = undefined
  }

  #send(): void {
    const { clock, longestMs, send } = this.#options
    const begunMs = clock.monotonic()
    this.#isAsked = false
    // Called when the process gets to anything else again.
    this.#callOff = clock.after(0, () => {
      this.#callOff = undefined
      const tookMs = clock.monotonic() - begunMs
      this.#nextMs = begunMs + Math.min(longestMs, Math.max(shortestMs, tookMs * restPerSend))
      if (this.#isAsked) this.request()
    })
    send()
  }
}
