// What the server answers of calls: those of its own process, and those that all processes told of.

import { flag, list, nullable, number, object, oneOf, text, time, whole, type Shape } from '../shape.ts'

/** Of a span of time that ends now. */
export interface CallSummary {
  /** How far back it reaches. */
  readonly windowMs: number
  readonly count: number
  readonly errors: number
  readonly errorRate: number
  /** A second. */
  readonly rate: number
  /** Milliseconds, as all durations here. */
  readonly avgDuration: number
  readonly p50Duration: number
  readonly p95Duration: number
  readonly p99Duration: number
  readonly maxDuration: number
}

export interface SlowCall {
  /** The statement without its constants, or the name of the work. */
  readonly query: string
  readonly duration: number
  readonly at: string
  /** The work it was part of. */
  readonly name: string | null
  readonly shape: string
  readonly failed: boolean
  readonly sqlstate: string | null
}

export const callSummaryShape: Shape<CallSummary> = object<CallSummary>({
  windowMs: number(),
  count: whole(),
  errors: whole(),
  errorRate: number(),
  rate: number(),
  avgDuration: number(),
  p50Duration: number(),
  p95Duration: number(),
  p99Duration: number(),
  maxDuration: number(),
})

export const slowCallShape: Shape<SlowCall> = object<SlowCall>({
  query: text(),
  duration: number(),
  at: time(),
  name: nullable(text()),
  shape: text(),
  failed: flag(),
  sqlstate: nullable(text()),
})

/** Milliseconds; off by 4.5 % at most. */
export interface CallTotals {
  readonly calls: number
  readonly errors: number
  readonly meanMs: number
  readonly p50Ms: number
  readonly p95Ms: number
  readonly p99Ms: number
  readonly maxMs: number
}

/** What all processes told of the last minutes: their statements together, and by shape those with the slowest calls. */
export interface ApplicationCalls {
  readonly windowMs: number
  readonly all: CallTotals
  readonly shapes: readonly ShapeCalls[]
}

export interface ShapeCalls extends CallTotals {
  readonly shape: string
  /** 'work' is what applications named, 'other' all that has no row of its own. */
  readonly kind: 'statement' | 'work' | 'other' | null
  /** Without constants; null: not stored. */
  readonly text: string | null
}

const totals = {
  calls: number(),
  errors: number(),
  meanMs: number(),
  p50Ms: number(),
  p95Ms: number(),
  p99Ms: number(),
  maxMs: number(),
} as const

export const applicationCallsShape: Shape<ApplicationCalls> = object<ApplicationCalls>({
  windowMs: number(),
  all: object<CallTotals>(totals),
  shapes: list(
    object<ShapeCalls>({
      shape: text(),
      kind: nullable(oneOf('statement', 'work', 'other')),
      text: nullable(text()),
      ...totals,
    }),
  ),
})
