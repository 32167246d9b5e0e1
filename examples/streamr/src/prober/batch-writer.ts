// A queue in front of a database: what is added is written in batches, soon, and in order.
//
// Promises: what `onWritten` was told of is written. A batch that cannot be written is tried again, with growing waits, until it is.
// At most `queued` items wait; when there is no more room new ones are dropped. Whatever is dropped, for whatever reason, is counted
// and told. An item waits at most `withinMs` for its batch to begin, unless writes fail.

import type { Clock } from 'pgstrata'

/** full: no room. refused: `write` would not have them. closed: not written by the end. */
export type DropReason = 'full' | 'refused' | 'closed'

export interface BatchWriterOptions<Item> {
  /** `isRepeat`: an earlier attempt at this batch failed, and may have been carried out all the same. False: never write these. */
  readonly write: (items: readonly Item[], isRepeat: boolean) => Promise<boolean>
  readonly batch: number
  readonly queued: number
  readonly withinMs: number
  readonly clock: Clock
  readonly onWritten?: (items: readonly Item[]) => void
  readonly onDropped?: (count: number, reason: DropReason) => void
  readonly onFailure?: (error: unknown) => void
}

export interface BatchWriter<Item> {
  /** False: dropped. */
  add(item: Item): boolean
  /** Resolves when nothing waits any more, or a write has failed. */
  flush(): Promise<void>
  readonly counts: BatchCounts
  /** Writes what waits, for at most `withinMs`; then it is dropped. */
  close(withinMs: number): Promise<void>
}

export interface BatchCounts {
  readonly waiting: number
  readonly written: number
  readonly failures: number
  readonly dropped: Readonly<Record<DropReason, number>>
}

const firstWaitMs = 100
const lastWaitMs = 10_000

export function createBatchWriter<Item>(options: BatchWriterOptions<Item>): BatchWriter<Item> {
  return new Writer(options)
}

class Writer<Item> implements BatchWriter<Item> {
  readonly #options: BatchWriterOptions<Item>
  #queue: Item[] = []
  /** Under way, or to be tried again. */
  #batch: readonly Item[] = []
  #attempts = 0
  #draining: Promise<void> | undefined
  #cancelTimer: (() => void) | undefined
  #closed = false
  readonly #counts = { written: 0, failures: 0, dropped: { full: 0, refused: 0, closed: 0 } }

  constructor(options: BatchWriterOptions<Item>) {
    this.#options = options
  }

  get #waiting(): number {
    return this.#queue.length + this.#batch.length
  }

  get counts(): BatchCounts {
    return { ...this.#counts, dropped: { ...this.#counts.dropped }, waiting: this.#waiting }
  }

  add(item: Item): boolean {
    if (this.#closed) return this.#drop(1, 'closed')
    if (this.#waiting >= this.#options.queued) return this.#drop(1, 'full')
    this.#queue.push(item)
    if (this.#attempts === 0 && this.#queue.length >= this.#options.batch) void this.flush()
    else this.#wake(this.#options.withinMs)
    return true
  }

  async flush(): Promise<void> {
    this.#cancelTimer?.()
    this.#cancelTimer = undefined
    this.#draining ??= this.#drain().finally(() => {
      this.#draining = undefined
      if (this.#waiting > 0 && !this.#closed) this.#wake(this.#attempts > 0 ? this.#waitMs() : this.#options.withinMs)
    })
    await this.#draining
  }

  async close(withinMs: number): Promise<void> {
    const { clock } = this.#options
    this.#closed = true
    const untilMs = clock.now() + withinMs
    await this.flush()
    while (this.#waiting > 0 && clock.now() < untilMs) {
      await clock.sleep(Math.min(this.#waitMs(), untilMs - clock.now()))
      await this.flush()
    }
    this.#cancelTimer?.()
    this.#drop(this.#waiting, 'closed')
    this.#queue = []
    this.#batch = []
  }

  /** One at a time. Ends when nothing waits, or at the first failure. */
  async #drain(): Promise<void> {
    const { write, batch, onWritten, onFailure } = this.#options
    while (this.#waiting > 0) {
      if (this.#batch.length === 0) this.#batch = this.#queue.splice(0, batch)
      let isWritten: boolean
      try {
        isWritten = await write(this.#batch, this.#attempts > 0)
      } catch (error) {
        this.#attempts++
        this.#counts.failures++
        onFailure?.(error)
        return
      }
      const items = this.#batch
      this.#batch = []
      this.#attempts = 0
      if (isWritten) {
        this.#counts.written += items.length
        onWritten?.(items)
      } else this.#drop(items.length, 'refused')
    }
  }

  #wake(afterMs: number): void {
    this.#cancelTimer ??= this.#options.clock.after(afterMs, () => {
      this.#cancelTimer = undefined
      void this.flush()
    })
  }

  #waitMs(): number {
    return Math.min(lastWaitMs, firstWaitMs * 2 ** Math.max(0, this.#attempts - 1))
  }

  #drop(count: number, reason: DropReason): false {
    if (count === 0) return false
    this.#counts.dropped[reason] += count
    this.#options.onDropped?.(count, reason)
    return false
  }
}
