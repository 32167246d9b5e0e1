// What the server answers of all applications together, as they tell of themselves every ten seconds.

import { list, nullable, number, object, text, type Shape } from '../shape.ts'

/** Of the last minute. */
export interface Applications {
  readonly callsPerSecond: number | null
  readonly errorRatio: number | null
  /** Statements, and work that applications named: those that took most. */
  readonly shapes: readonly {
    readonly shape: string
    /** Without constants; null: not stored yet. */
    readonly text: string | null
    readonly p95Ms: number | null
    readonly p99Ms: number | null
    readonly maxMs: number | null
    readonly errorRatio: number | null
  }[]
  readonly processes: readonly {
    readonly process: string
    readonly poolUsedRatio: number | null
    readonly poolWaiting: number | null
    readonly cacheHitRatio: number | null
  }[]
}

export const applicationsShape: Shape<Applications> = object<Applications>({
  callsPerSecond: nullable(number()),
  errorRatio: nullable(number()),
  shapes: list(
    object<Applications['shapes'][number]>({
      shape: text(),
      text: nullable(text()),
      p95Ms: nullable(number()),
      p99Ms: nullable(number()),
      maxMs: nullable(number()),
      errorRatio: nullable(number()),
    }),
  ),
  processes: list(
    object<Applications['processes'][number]>({
      process: text(),
      poolUsedRatio: nullable(number()),
      poolWaiting: nullable(number()),
      cacheHitRatio: nullable(number()),
    }),
  ),
})
