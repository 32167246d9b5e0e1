// Which position the primary had reached when, on our own monotonic clock: no server's clock is ever compared with
// another's, and a primary that stands still makes nobody late.
// Invariant: positions and times only grow; the oldest entries go first, and of a replica behind all of them nothing is
// known but that it is late.

import type { Lsn } from '../../lsn.ts'

export interface LagRing {
  /** `atMs`: when the question was sent, so that the position was surely reached by the answer and not before. */
  note(lsn: Lsn, atMs: number): void
  /** How long ago the primary left `replayLsn` behind: 0 while it has not; Infinity where it is behind all that is known. */
  lagMs(replayLsn: Lsn, nowMs: number): number
  /** The primary was another server: nothing of the past means anything. */
  clear(): void
}

export function createLagRing(capacity = 4_096): LagRing {
  let lsns: Lsn[] = []
  let timesMs: number[] = []

  const note = (lsn: Lsn, atMs: number): void => {
    const last = lsns.length - 1
    const head = lsns[last]
    if (head !== undefined && lsn <= head) {
      // Standing still: the time moves on, so that what comes next is dated from here.
      if (lsn === head) timesMs[last] = Math.max(timesMs[last] ?? 0, atMs)
      return
    }
    lsns.push(lsn)
    timesMs.push(atMs)
    if (lsns.length < capacity * 2) return
    lsns = lsns.slice(-capacity)
    timesMs = timesMs.slice(-capacity)
  }

  /** How many entries are at or before `lsn`. */
  const reached = (lsn: Lsn): number => {
    let low = 0
    let high = lsns.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((lsns[middle] ?? 0n) <= lsn) low = middle + 1
      else high = middle
    }
    return low
  }

  return {
    note,
    lagMs: (replayLsn, nowMs) => {
      const index = reached(replayLsn)
      if (index === lsns.length) return 0
      const sinceMs = timesMs[index - 1]
      return sinceMs === undefined ? Number.POSITIVE_INFINITY : Math.max(0, nowMs - sinceMs)
    },
    clear: () => {
      lsns = []
      timesMs = []
    },
  }
}
