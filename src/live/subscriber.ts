// One connection of a client: its topics, what waits for it, and whether it takes anything.
//
// What must be true: a position goes out only behind everything up to it that concerns the client, in one write; so a client
// that comes back at a position has missed nothing before it. While its connection is full nothing is written, and what
// comes is coalesced in its queue.

import type { Clock } from '../base/clock.ts'
import { compareCursors, type ChangeCursor } from '../changes/feed/index.ts'
import { heartbeatFrame, positionFrame, type Frame } from './frame.ts'
import type { LiveLimits } from './options.ts'
import { ClientQueue } from './queue.ts'
import type { Topic } from './topic.ts'

/** Where the bytes go. */
export interface LiveSink {
  /** false: it is full, and `drained` of the connection is called when it is not any more. */
  write(bytes: Buffer): boolean
  /** The client may come back. */
  end(): void
  /** At once, whatever is on its way. */
  destroy(): void
}

export interface SubscriberOptions {
  readonly topics: readonly Topic[]
  readonly address: string
  readonly lastEventId: string | undefined
  readonly sink: LiveSink
  readonly limits: LiveLimits
  readonly clock: Clock
  readonly endsAtMs: number
}

export class Subscriber {
  readonly topics: readonly Topic[]
  readonly address: string
  readonly lastEventId: string | undefined
  readonly endsAtMs: number
  readonly #sink: LiveSink
  readonly #queue: ClientQueue
  readonly #clock: Clock
  #blockedSinceMs: number | undefined
  #hasWritten = false
  #skipTo: ChangeCursor | undefined
  #aheadUntilMs = 0
  #why = ''
  isGreeted = false

  constructor({ topics, address, lastEventId, sink, limits, clock, endsAtMs }: SubscriberOptions) {
    this.topics = topics
    this.address = address
    this.lastEventId = lastEventId
    this.endsAtMs = endsAtMs
    this.#sink = sink
    this.#clock = clock
    this.#queue = new ClientQueue(limits)
  }

  get isBlocked(): boolean {
    return this.#blockedSinceMs !== undefined
  }

  get hasOverflowed(): boolean {
    return this.#queue.hasOverflowed
  }

  get isIdle(): boolean {
    return this.#queue.isEmpty
  }

  /** What it has seen elsewhere does not come again. */
  skipTo(cursor: ChangeCursor, waitMs: number): void {
    this.#skipTo = cursor
    this.#aheadUntilMs = this.#clock.monotonic() + waitMs
  }

  /** Still ahead of `head` after its time. */
  isAstray(head: ChangeCursor): boolean {
    if (this.#skipTo === undefined) return false
    if ((compareCursors(head, this.#skipTo) ?? 1) >= 0) this.#skipTo = undefined
    return this.#skipTo !== undefined && this.#clock.monotonic() >= this.#aheadUntilMs
  }

  /** `cursor`: of a change; undefined: what is as it is now, whatever came before. */
  push(frame: Frame, cursor: ChangeCursor | undefined): void {
    const skipped = this.#skipTo === undefined || cursor === undefined ? 1 : compareCursors(cursor, this.#skipTo)
    if (skipped !== undefined && skipped <= 0) return
    // Why it begins anew is said already.
    if (this.#queue.hasOverflowed) return
    this.#queue.push(frame)
    if (this.#queue.hasOverflowed) this.#why = 'more changed than could wait for this connection'
  }

  /** Everything that waits is let go; the client is to begin anew. */
  reset(why: string): void {
    this.#skipTo = undefined
    this.#why = why
    this.#queue.overflow()
  }

  /** Writes what waits, if it can; `resetFrames` says that everything begins anew, and what there is then. */
  flush(position: ChangeCursor, resetFrames: (why: string) => readonly Buffer[]): void {
    if (this.isBlocked || this.#queue.isEmpty) return
    const taken = this.#queue.take()
    this.write([...(taken === 'reset' ? resetFrames(this.#why) : taken), positionFrame(this.#positionAt(position))])
  }

  write(frames: readonly Buffer[]): void {
    this.#hasWritten = true
    if (!this.#sink.write(Buffer.concat(frames))) this.#blockedSinceMs = this.#clock.monotonic()
  }

  drained(): void {
    this.#blockedSinceMs = undefined
  }

  /** Called twice a heartbeat; whether it is to be dropped, for it took nothing for too long. */
  beat(position: ChangeCursor | undefined, stallMs: number): 'alive' | 'stalled' {
    if (this.#blockedSinceMs !== undefined)
      return this.#clock.monotonic() - this.#blockedSinceMs >= stallMs ? 'stalled' : 'alive'
    if (this.#hasWritten) this.#hasWritten = false
    else if (!this.isGreeted || position === undefined) this.write([heartbeatFrame(undefined)])
    // What waits comes before any position.
    else if (this.#queue.isEmpty) this.write([heartbeatFrame(this.#positionAt(position))])
    return 'alive'
  }

  end(): void {
    this.#sink.end()
  }

  destroy(): void {
    this.#sink.destroy()
  }

  /** Never behind where the client came from. */
  #positionAt(position: ChangeCursor): ChangeCursor {
    const ahead = this.#skipTo === undefined ? undefined : compareCursors(this.#skipTo, position)
    return ahead !== undefined && ahead > 0 && this.#skipTo !== undefined ? this.#skipTo : position
  }
}
