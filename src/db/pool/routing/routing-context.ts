// What an errand, a client and the search for a primary need of the pool that they belong to.

import type { Clock } from '../../../base/clock.ts'
import type { Deadlines } from '../../../base/deadlines.ts'
import type { Classification, Classifier } from '../../../sql/classify/index.ts'
import type { Cluster } from '../cluster/cluster.ts'
import type { News } from '../cluster/news.ts'
import type { PooledClient } from '../connections/node-pool.ts'
import type { PoolOptions, Route } from '../options.ts'
import type { Router } from './router.ts'
import type { ServerNode } from '../cluster/server-node.ts'
import type { CausalSession } from './session.ts'

/** pg's events of a connection that serves one statement of the pool. */
export interface CheckoutEvents {
  readonly acquired: (client: PooledClient) => void
  readonly released: (error: Error | null, client: PooledClient) => void
}

export interface RoutingContext {
  readonly options: PoolOptions
  readonly cluster: Cluster
  readonly router: Router
  readonly classifier: Classifier
  readonly news: News
  readonly clock: Clock
  readonly events: CheckoutEvents
  readonly tools: { readonly clock: Clock; readonly deadlines: Deadlines }
  /** How long a statement waits for a primary before it fails. */
  readonly writerWaitMs: number
  /** Calls back once every node has answered, failed, or had its time. */
  whenSettled(callback: () => void): void
  hasLiveWriter(session: CausalSession | undefined): boolean
  /** A connection of the node was lost, refused, or told something odd: its monitor is to ask at once who it is. */
  suspect(node: ServerNode, error: Error): void
  /** Why a node serves a statement. */
  explain(node: ServerNode, route: Route, session: CausalSession | undefined, classification: Classification): string
}
