// How much of a pool is in use: now, on average over time, and whether that is worth a warning.
// A warning and an exhaustion are each told once until use has fallen a tenth of `max` below the mark, and at most once a
// second, for a pool of one or two crosses its mark with every statement.

const spacingMs = 1_000
const calmShare = 0.1
/** 0.7 * 10 is a little more than 7. */
const rounding = 1e-9

export class Usage {
  readonly #max: number
  readonly #warnCount: number
  readonly #calmCount: number
  #inUse = 0
  #sinceMs: number
  #resetMs: number
  #areaMs = 0
  #warned = false
  #warnedMs = -Infinity
  #exhausted = false
  #exhaustedMs = -Infinity

  constructor(max: number, warnAt: number, nowMs: number) {
    this.#max = max
    this.#warnCount = Math.max(1, Math.ceil(warnAt * max - rounding))
    this.#calmCount = (warnAt - calmShare) * max - rounding
    this.#sinceMs = this.#resetMs = nowMs
  }

  /** Whether to warn. */
  set(inUse: number, nowMs: number): boolean {
    this.#areaMs += this.#inUse * (nowMs - this.#sinceMs)
    this.#sinceMs = nowMs
    this.#inUse = inUse
    // A pool that is never below its calm level is calm when nothing is in use.
    if (inUse < this.#calmCount || inUse === 0) {
      this.#warned = this.#exhausted = false
      return false
    }
    if (this.#warned || inUse < this.#warnCount || nowMs - this.#warnedMs < spacingMs) return false
    this.#warned = true
    this.#warnedMs = nowMs
    return true
  }

  /** Somebody has to wait while all are in use: whether to tell. */
  exhaust(nowMs: number): boolean {
    if (this.#exhausted || nowMs - this.#exhaustedMs < spacingMs) return false
    this.#exhausted = true
    this.#exhaustedMs = nowMs
    return true
  }

  percent(): number {
    return (100 * this.#inUse) / this.#max
  }

  averagePercent(nowMs: number): number {
    const areaMs = this.#areaMs + this.#inUse * (nowMs - this.#sinceMs)
    const elapsedMs = nowMs - this.#resetMs
    return elapsedMs > 0 ? (100 * areaMs) / (elapsedMs * this.#max) : this.percent()
  }

  reset(nowMs: number): void {
    this.#areaMs = 0
    this.#sinceMs = this.#resetMs = nowMs
  }
}
