// Which position the primary had reached when, by our own clock: how long a replica that shows another is behind, at least and at most.
// Bounded: an hour of one in five seconds; of a replica behind all of them it is known that it is later than that.

export interface Positions {
  /** `atMs`: before the question was sent. A position further back is that of another primary: all before it is forgotten. */
  note(lsn: bigint, atMs: number): void
  /** Undefined: the primary was not asked yet. */
  behind(replayed: bigint, nowMs: number): Behind | undefined
}

interface Behind {
  readonly leastMs: number
  readonly mostMs: number
  readonly bytes: number
}

interface Noted {
  readonly lsn: bigint
  /** When it was seen first, and last. */
  readonly firstMs: number
  lastMs: number
}

const mostNoted = 720

export function createPositions(): Positions {
  let noted: Noted[] = []
  return {
    note: (lsn, atMs) => {
      const last = noted.at(-1)
      if (last !== undefined && lsn < last.lsn) noted = []
      if (last?.lsn === lsn) last.lastMs = atMs
      else noted.push({ lsn, firstMs: atMs, lastMs: atMs })
      if (noted.length > mostNoted) noted = noted.slice(-mostNoted)
    },
    behind: (replayed, nowMs) => {
      const newest = noted.at(-1)
      if (newest === undefined) return undefined
      const next = noted.findIndex(({ lsn }) => lsn > replayed)
      const beyond = noted[next]
      if (beyond === undefined) return { leastMs: 0, mostMs: 0, bytes: 0 }
      const leastMs = Math.max(0, nowMs - beyond.firstMs)
      const shown = noted[next - 1]
      return {
        leastMs,
        mostMs: shown === undefined ? leastMs : Math.max(leastMs, nowMs - shown.lastMs),
        bytes: Number(newest.lsn - replayed),
      }
    },
  }
}
