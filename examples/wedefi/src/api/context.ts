// What every route is given, and who may change things. Who an operator is has one seam: a bearer token out of a list that the process
// takes from its environment. Reading is open to everybody, for all of it is on public chains.

import type { IncomingHttpHeaders } from 'node:http'
import { holdsToken, unauthorized, type SendAnswer } from 'pgstrata-example-kit'
import type { CacheManager } from '../cache-manager.ts'
import type { WedefiDatabase } from '../database.ts'
import type { DatabaseManager } from '../database-manager.ts'
import type { OptimizedPortfolioService } from '../portfolio/service.ts'
import type { WedefiStrata } from '../strata.ts'

export interface Asking {
  readonly headers: IncomingHttpHeaders
}

export interface ApiContext {
  readonly strata: WedefiStrata
  /** Over the pool of `strata`. */
  readonly db: WedefiDatabase
  readonly manager: DatabaseManager
  readonly caches: CacheManager
  readonly portfolios: OptimizedPortfolioService
  /** What is the same for everybody, kept as it is sent. */
  readonly answer: SendAnswer
  /** Tokens of those who may write balances, prices and alerts. */
  readonly operators: ReadonlySet<string>
}

/** `authorization: Bearer <token>`. */
export function requireOperator({ operators }: Pick<ApiContext, 'operators'>, { headers }: Asking): void {
  if (!holdsToken(operators, headers.authorization))
    throw unauthorized('This is for operators: send the token of one, as a bearer')
}
