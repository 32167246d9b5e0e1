// What of the pool concerns sessions and routes, as the root offers it.

import type { RoutedConfig } from '../db/pool/statement/call.ts'
import type { RoutingExplanation } from '../db/pool/routing/dispatcher.ts'
import type { Session } from '../db/pool/routing/scopes.ts'
import type { StrataPool } from '../db/pool/strata-pool.ts'
import type { Token } from '../db/token.ts'

export interface Routing {
  /** A session that begins at `token`: its reads never show less than what the token, or the session itself, has seen. */
  session(token?: Token | string): Session
  /** Runs `work` in a session of its own. */
  scope<T>(token: Token | string | undefined, work: (session: Session) => T): T
  /** Sends the reads of `work` along a route, or that of a class of queries (`database.queries`). */
  routed<T>(route: string, work: () => T): T
  /** Where a statement would go now, and why. Nothing is sent. */
  explainRouting(query: string | RoutedConfig, options?: { readonly session?: Session }): RoutingExplanation
}

export function routing(pool: StrataPool): Routing {
  return {
    session: (token) => pool.session(token),
    scope: (token, work) => pool.scope(token, work),
    routed: (route, work) => pool.routed(route, work),
    explainRouting: (query, how) => pool.explainRouting(query, how),
  }
}
