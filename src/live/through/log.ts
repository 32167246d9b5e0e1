// Following a numbered log, whatever it is kept in: read on when it is rung for, and from time to time anyway. What this process has
// published itself need not be read.
//
// What must be true: a message is handed on once, in order; where one that was published is not to be had any more, or the log is
// another one, `onLost` comes first. One read at a time; a ring that comes while one goes on leads to another.
// On failure of a read it is tried again with the next ring, after a second at the latest.

import type { Clock } from '../../base/clock.ts'
import { messageOf } from '../../base/errors.ts'
import type { Logger } from '../../base/logger.ts'
import { decodeMessage, type Follower } from '../wire.ts'

export interface LogPage {
  /** Of this log; another one where it was begun anew. undefined: there is none yet. */
  readonly life: string | undefined
  /** Of the latest message, whether it is in the page or not. */
  readonly last: number
  /** Of the first that is in the page; behind the latest, where nothing is. */
  readonly first: number
  readonly texts: readonly string[]
}

/** A message that stands in the log, committed. */
export interface Published {
  readonly life: string
  readonly n: number
  readonly text: string
}

export interface LogFollowerOptions {
  readonly follower: Follower
  /** What comes after a number, in parts. */
  readonly read: (after: number) => Promise<LogPage>
  readonly clock: Clock
  readonly logger: Logger
}

const pollMs = 1_000

export class LogFollower {
  readonly #options: LogFollowerOptions
  #life: string | undefined
  #last = 0
  #hasBegun = false
  #isReading = false
  #isRung = false
  #isStopped = false
  #callOff: (() => void) | undefined

  constructor(options: LogFollowerOptions) {
    this.#options = options
  }

  /** What is kept is handed on when it resolves; rejects if it cannot be read, and follows all the same. */
  async start(): Promise<void> {
    try {
      await this.#drain()
    } finally {
      this.#schedule()
    }
  }

  stop(): void {
    this.#isStopped = true
    this.#callOff?.()
  }

  /** `upTo`: the number of what was published; not known: there may be anything. */
  ring(upTo: number = Infinity): void {
    if (upTo <= this.#last) return
    this.#isRung = true
    if (!this.#isReading) void this.#drainSafely()
  }

  /** What this process has published itself; it is read where something before it has not been handed on yet. */
  offer({ life, n, text }: Published): void {
    if (this.#isStopped || n <= this.#last) return
    const isNext = this.#hasBegun && !this.#isReading && life === this.#life && n === this.#last + 1
    if (!isNext) return this.ring()
    this.#last = n
    this.#hand(text)
  }

  async #drainSafely(): Promise<void> {
    try {
      await this.#drain()
    } catch (error) {
      this.#options.logger.warn('Live events cannot be read', { error: messageOf(error) })
    }
  }

  async #drain(): Promise<void> {
    if (this.#isReading) return
    this.#isReading = true
    try {
      do {
        this.#isRung = false
        while (!this.#isStopped && (await this.#readOn()));
      } while (this.#isRung && !this.#isStopped)
    } finally {
      this.#isReading = false
    }
  }

  /** Whether there is more. */
  async #readOn(): Promise<boolean> {
    const { follower, read } = this.#options
    const { life, last, first, texts } = await read(this.#last)
    if (this.#isStopped) return false
    const isAnother = this.#life !== undefined && (life !== this.#life || last < this.#last)
    this.#life = life
    if (isAnother) {
      // All of the other one is before us.
      this.#last = 0
      follower.onLost('what processes hand to each other was lost')
      return life !== undefined
    }
    if (this.#hasBegun && last > this.#last && first > this.#last + 1) follower.onLost('this process fell behind')
    this.#hasBegun = true
    for (const text of texts) this.#hand(text)
    const reached = texts.length === 0 ? last : first + texts.length - 1
    this.#last = Math.max(this.#last, reached)
    return this.#last < last
  }

  /** What cannot be read would stand in the way of all that follows. */
  #hand(text: string): void {
    const { follower, logger } = this.#options
    try {
      follower.onMessage(decodeMessage(text))
    } catch (error) {
      logger.warn('A message of live events was not understood', { error: messageOf(error) })
      follower.onLost('a message was not understood')
    }
  }

  #schedule(): void {
    if (this.#isStopped) return
    this.#callOff = this.#options.clock.after(pollMs, () => {
      this.ring()
      this.#schedule()
    })
  }
}
