// What every route is given.

import type { OptimizedQueries } from '../db/optimized-queries.ts'
import type { MycelixStrata } from '../strata.ts'
import type { Reads } from './reads.ts'

export interface ApiContext {
  readonly strata: MycelixStrata
  /** What is read, through the cache. */
  readonly reads: Reads
  /** The same past the cache. */
  readonly queries: OptimizedQueries
  /** Of those who may manage. */
  readonly manageTokens: readonly string[]
}
