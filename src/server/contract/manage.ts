// What the server answers of what it was told to do to the database.

import { anything, list, nullable, number, object, oneOf, record, text, type Shape } from '../shape.ts'

export interface Optimized {
  readonly state: 'done' | 'failed' | 'lost'
  readonly did: string
  readonly durationMs: number
  readonly warnings: readonly string[]
  readonly failure: string | null
  /** What was analysed and vacuumed, and what was found of indexes. */
  readonly details: Readonly<Record<string, unknown>>
}

export interface CacheCleared {
  readonly cleared: string
  /** 'pending': Redis is away, and it is done when it is back. */
  readonly reach: 'everywhere' | 'pending'
}

export const optimizedShape: Shape<Optimized> = object<Optimized>({
  state: oneOf('done', 'failed', 'lost'),
  did: text(),
  durationMs: number(),
  warnings: list(text()),
  failure: nullable(text()),
  details: record(anything()),
})

export const cacheClearedShape: Shape<CacheCleared> = object<CacheCleared>({
  cleared: text(),
  reach: oneOf('everywhere', 'pending'),
})
