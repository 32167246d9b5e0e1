// Durations by bins that grow by 2^(1/8): eight to each doubling, from a microsecond to an hour. What pgstrata.watch_call
// keeps is such bins, so histograms of many processes and of many minutes add up to one.
//
// What must be true: merging is exact, in any order and grouping (all states are whole numbers). A quantile is off by at most
// `relativeError` of the duration that stands at that rank, within the range of the bins; below a microsecond it says one, and
// what took longer than the range is told by the longest that was seen.
// Bounds: 2 kB, another 2 kB from the first failure on; recording allocates nothing.

export const binsPerDoubling = 8
export const binCount = 256
/** Of a quantile: 4.5 %. */
export const relativeError: number = 2 ** (1 / (2 * binsPerDoubling)) - 1

/** Bin 0 holds everything below 1.09 µs, bin b what begins at 2^(b/8) µs, the last one everything from 66 minutes on. */
export function binOf(durationMs: number): number {
  const durationUs = durationMs * 1_000
  // Also what is no number.
  if (!(durationUs > 1)) return 0
  const bin = Math.floor(Math.log2(durationUs) * binsPerDoubling)
  return bin < binCount ? bin : binCount - 1
}

/** What a duration in that bin is taken for: nearest to all of them, in proportion. */
export function middleOfBinMs(bin: number): number {
  return 2 ** ((bin + 0.5) / binsPerDoubling) / 1_000
}

export class Histogram {
  readonly counts: Float64Array = new Float64Array(binCount)
  /** Those that failed, of `counts`; undefined: none did. */
  failures: Float64Array | undefined
  count = 0
  failed = 0
  /** Whole microseconds, so that adding up is exact for 285 years of them. */
  sumUs = 0
  minMs: number = Number.POSITIVE_INFINITY
  maxMs = 0

  record(durationMs: number, isFailure: boolean): void {
    const bin = binOf(durationMs)
    this.counts[bin] = (this.counts[bin] as number) + 1
    this.count++
    this.sumUs += Math.round(durationMs * 1_000)
    if (durationMs < this.minMs) this.minMs = durationMs
    if (durationMs > this.maxMs) this.maxMs = durationMs
    if (!isFailure) return
    this.failures ??= new Float64Array(binCount)
    this.failures[bin] = (this.failures[bin] as number) + 1
    this.failed++
  }

  merge(other: Histogram): void {
    if (other.count === 0) return
    add(this.counts, other.counts)
    if (other.failures !== undefined) add((this.failures ??= new Float64Array(binCount)), other.failures)
    this.count += other.count
    this.failed += other.failed
    this.sumUs += other.sumUs
    this.minMs = Math.min(this.minMs, other.minMs)
    this.maxMs = Math.max(this.maxMs, other.maxMs)
  }

  clear(): void {
    if (this.count === 0) return
    this.counts.fill(0)
    this.failures = undefined
    this.count = 0
    this.failed = 0
    this.sumUs = 0
    this.minMs = Number.POSITIVE_INFINITY
    this.maxMs = 0
  }

  /** `share` from 0 to 1; 0 where nothing was recorded. */
  quantileMs(share: number): number {
    const rank = Math.max(1, Math.ceil(share * this.count))
    let seen = 0
    for (let bin = 0; bin < binCount; bin++) {
      seen += this.counts[bin] as number
      if (seen < rank) continue
      // What lies beyond the range has no middle.
      const middleMs = bin === binCount - 1 ? this.maxMs : middleOfBinMs(bin)
      return Math.min(this.maxMs, Math.max(this.minMs, middleMs))
    }
    return 0
  }

  get averageMs(): number {
    return this.count === 0 ? 0 : this.sumUs / this.count / 1_000
  }

  /** The bins that have something, as they are stored: the seconds of all of them are exactly what was recorded. */
  bins(): readonly Bin[] {
    const bins: Bin[] = []
    let guessedMs = 0
    for (let bin = 0; bin < binCount; bin++) {
      const calls = this.counts[bin] as number
      if (calls === 0) continue
      guessedMs += calls * middleOfBinMs(bin)
      bins.push({ bin, calls, errors: this.failures?.[bin] ?? 0, seconds: calls * middleOfBinMs(bin) })
    }
    // Only the sum is known: each bin has its share of it.
    const scale = guessedMs === 0 ? 0 : this.sumUs / 1_000 / guessedMs / 1_000
    return bins.map((one) => ({ ...one, seconds: one.seconds * scale }))
  }
}

export interface Bin {
  readonly bin: number
  readonly calls: number
  readonly errors: number
  readonly seconds: number
}

function add(to: Float64Array, from: Float64Array): void {
  for (let bin = 0; bin < binCount; bin++) to[bin] = (to[bin] as number) + (from[bin] as number)
}
