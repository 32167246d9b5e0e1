// The months of a simulated time: whole ones, and the one that is not over yet.

export interface Month {
  /** '2026-01' */
  readonly name: string
  readonly fromMs: number
  /** Of its end, or of now. */
  readonly untilMs: number
  readonly isWhole: boolean
}

export interface MonthsOptions {
  readonly now: Date
  /** Whole months before that of now. */
  readonly months: number
}

/** About so many days, and a month more, so that there is something to archive. */
export function monthsFor(days: number): number {
  return Math.ceil(days / 30.5) + 1
}

/** Where partitions have to begin for them: '2026-01-01'. */
export function beginOf({ now, months }: MonthsOptions): string {
  return new Date(Date.UTC(now.getUTCFullYear(), now.getUTCMonth() - months)).toISOString().slice(0, 10)
}

/** The oldest first; the last one ends now. */
export function monthsUntil({ now, months }: MonthsOptions): readonly Month[] {
  return Array.from({ length: months + 1 }, (_, index) => {
    const fromMs = Date.UTC(now.getUTCFullYear(), now.getUTCMonth() - months + index)
    const endMs = Date.UTC(now.getUTCFullYear(), now.getUTCMonth() - months + index + 1)
    return {
      name: new Date(fromMs).toISOString().slice(0, 7),
      fromMs,
      untilMs: Math.min(endMs, now.getTime()),
      isWhole: endMs <= now.getTime(),
    }
  })
}
