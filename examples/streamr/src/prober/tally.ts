// What a prober has done since it was opened, over all the times that it had the lease.

import type { BatchCounts, DropReason } from './batch-writer.ts'
import type { Looked } from './tenure.ts'

const none: BatchCounts = { waiting: 0, written: 0, failures: 0, dropped: { full: 0, refused: 0, closed: 0 } }

export class Tally {
  #looked: Looked = { polled: 0, checked: 0, failed: 0, found: 0 }
  #past = none
  #told = 0

  get looked(): Looked {
    return this.#looked
  }

  add({ polled, checked, failed, found }: Looked): void {
    this.#looked = {
      polled: this.#looked.polled + polled,
      checked: this.#looked.checked + checked,
      failed: this.#looked.failed + failed,
      found: this.#looked.found + found,
    }
  }

  /** Of a time that is over. */
  keep(counts: BatchCounts): void {
    this.#past = { ...sum(this.#past, counts), waiting: 0 }
  }

  /** With those of the time that goes on. */
  results(current: { readonly counts: BatchCounts } | undefined): BatchCounts {
    return sum(this.#past, current?.counts ?? none)
  }

  /** How many were dropped since this was asked last. */
  untold(current: { readonly counts: BatchCounts } | undefined): number {
    const { full, refused, closed } = this.results(current).dropped
    const untold = full + refused + closed - this.#told
    this.#told += untold
    return untold
  }
}

function sum(left: BatchCounts, right: BatchCounts): BatchCounts {
  const dropped = (reason: DropReason): number => left.dropped[reason] + right.dropped[reason]
  return {
    waiting: left.waiting + right.waiting,
    written: left.written + right.written,
    failures: left.failures + right.failures,
    dropped: { full: dropped('full'), refused: dropped('refused'), closed: dropped('closed') },
  }
}
