// What a monitor tells, and with what.

import type { ViewFreshness } from './freshness.ts'
import type { PoolStats } from './pool-state.ts'
import type { ReplicaLag } from './replicas.ts'
import type { SlowQueryEvent } from './slow.ts'

export interface MonitorEvents {
  slowQuery: [SlowQueryEvent]
  /** Slow statements that no event tells of: since the last time, and since the monitor was made. */
  slowQueriesDropped: [{ readonly count: number; readonly total: number }]
  poolStats: [PoolStats]
  poolWarning: [PoolStats & { readonly threshold: number }]
  staleView: [ViewFreshness]
  cacheWarning: [{ readonly cacheHitRatio: number; readonly threshold: number; readonly blocks: number }]
  replicaLag: [ReplicaLag & { readonly threshold: number }]
  checkFailed: [{ readonly check: string; readonly error: unknown }]
}

export type Tell = <Event extends keyof MonitorEvents>(event: Event, particulars: MonitorEvents[Event][0]) => void
