// What every route is given.

import type { SendAnswer } from 'pgstrata-example-kit'
import type { OptimizedQueries } from '../db/optimized-queries.ts'
import type { MycelixStrata } from '../strata.ts'

export interface ApiContext {
  readonly strata: MycelixStrata
  readonly queries: OptimizedQueries
  /** What is the same for everybody, as it was made a while ago: as the original design has it, 1 minute, 5 or 10. */
  readonly answer: SendAnswer
  /** Of those who may manage. */
  readonly manageTokens: readonly string[]
}
