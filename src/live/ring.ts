// The latest changes of one epoch, for those who come back.
//
// What must be true: whoever stands at the floor or behind it, up to the head, finds here every change after it. What is
// pushed out raises the floor. Bounded by number and by size.

import { compareCursors, type ChangeCursor } from '../changes/feed/index.ts'
import type { WireChange } from './wire.ts'

export interface RingEntry {
  readonly cursor: ChangeCursor
  readonly change: WireChange
  readonly atMs: number
}

export interface RingLimits {
  readonly ringEvents: number
  readonly ringBytes: number
}

export class Ring {
  readonly #limits: RingLimits
  #entries: RingEntry[] = []
  /** Of those in `#entries` that are still kept. */
  #start = 0
  #bytes = 0
  #floor: ChangeCursor | undefined
  #head: ChangeCursor

  /**
   * Whole: what comes in is the beginning of the epoch. Otherwise the floor is right before the first change that does.
   * `head`: what is not behind it was there before.
   */
  constructor(
    epoch: string,
    { isWhole, head }: { readonly isWhole: boolean; readonly head?: ChangeCursor | undefined },
    limits: RingLimits,
  ) {
    this.#head = head ?? { epoch, lsn: 0n, seq: 0 }
    this.#floor = isWhole ? this.#head : undefined
    this.#limits = limits
  }

  get head(): ChangeCursor {
    return this.#head
  }

  get events(): number {
    return this.#entries.length - this.#start
  }

  get bytes(): number {
    return this.#bytes
  }

  /** false: it was there before, or is of another epoch. */
  push(entry: RingEntry): boolean {
    if ((compareCursors(entry.cursor, this.#head) ?? -1) <= 0) return false
    this.#floor ??= { ...entry.cursor, seq: entry.cursor.seq - 1 }
    this.#entries.push(entry)
    this.#bytes += sizeOf(entry.change)
    this.#head = entry.cursor
    while (this.events > this.#limits.ringEvents || (this.#bytes > this.#limits.ringBytes && this.events > 0))
      this.#shift()
    return true
  }

  /** undefined: it is not all here any more, or never was. */
  after(cursor: ChangeCursor): readonly RingEntry[] | undefined {
    if (this.#floor === undefined) return undefined
    const toFloor = compareCursors(cursor, this.#floor)
    const toHead = compareCursors(cursor, this.#head)
    if (toFloor === undefined || toHead === undefined || toFloor < 0 || toHead > 0) return undefined
    let low = this.#start
    let high = this.#entries.length
    while (low < high) {
      const middle = (low + high) >>> 1
      const entry = this.#entries[middle]
      if (entry !== undefined && (compareCursors(entry.cursor, cursor) ?? 1) <= 0) low = middle + 1
      else high = middle
    }
    return this.#entries.slice(low)
  }

  #shift(): void {
    const oldest = this.#entries[this.#start]
    if (oldest === undefined) return
    this.#start++
    this.#bytes -= sizeOf(oldest.change)
    this.#floor = oldest.cursor
    if (this.#start < 1_024 || this.#start * 2 < this.#entries.length) return
    this.#entries = this.#entries.slice(this.#start)
    this.#start = 0
  }
}

/** About what it takes in memory. */
function sizeOf({ key, keyBefore, row }: WireChange): number {
  let bytes = 200
  for (const values of [key, keyBefore, row])
    for (const [name, value] of Object.entries(values ?? {})) bytes += 2 * (name.length + (value?.length ?? 0)) + 32
  return bytes
}
