// How full a pool is, of any pg.Pool: its own counts, and of a StrataPool those of all its nodes together.

import type { AnyPool } from '../../db/own-questions.ts'
import type { NodePoolStats } from '../../db/pool/connections/node-pool-options.ts'

export interface PoolStats {
  readonly total: number
  readonly idle: number
  /** In use. */
  readonly active: number
  /** Requests that wait for a connection. */
  readonly waiting: number
  readonly max: number
  /** Per cent of `max` in use, to one place. */
  readonly utilization: number
}

/** pg's own default. */
const defaultMax = 10

export function readPool(pool: AnyPool): PoolStats {
  const { totalCount: total, idleCount: idle, waitingCount: waiting } = pool
  const nodes = (pool as { stats?(): readonly NodePoolStats[] }).stats?.()
  const max = nodes?.reduce((sum, node) => sum + node.max, 0) ?? pool.options.max ?? defaultMax
  // One node that is full is not made less so by another that is not.
  const utilization =
    nodes === undefined ? (100 * (total - idle)) / max : Math.max(...nodes.map((node) => node.utilization))
  const active = total - idle
  return { total, idle, active, waiting, max, utilization: Math.round(utilization * 10) / 10 }
}
