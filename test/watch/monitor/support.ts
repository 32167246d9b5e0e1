// A pool with a monitor on it, of either kind, that a test ends by itself.

import pg from 'pg'
import { onTestFinished } from 'vitest'
import type { Clock } from '../../../src/base/clock.ts'
import { StrataPool } from '../../../src/db/pool/strata-pool.ts'
import { DatabasePerformanceMonitor, type MonitorOptions } from '../../../src/watch/index.ts'

export type PoolKind = 'a plain pg.Pool' | 'a StrataPool'

export const poolKinds: readonly PoolKind[] = ['a plain pg.Pool', 'a StrataPool']

export interface Monitored {
  readonly pool: pg.Pool
  readonly monitor: DatabasePerformanceMonitor
}

export function openPool(kind: PoolKind, url: string, max = 4, clock?: Clock): pg.Pool {
  const config = { connectionString: url, max }
  const pool =
    kind === 'a StrataPool' ? new StrataPool(config, clock === undefined ? {} : { clock }) : new pg.Pool(config)
  onTestFinished(() => (pool.ending ? undefined : pool.end()))
  return pool
}

export function openMonitored(
  url: string,
  { kind = 'a StrataPool', max = 4, ...options }: MonitorOptions & { kind?: PoolKind; max?: number } = {},
): Monitored {
  const pool = openPool(kind, url, max, options.clock)
  return { pool, monitor: watchPool(pool, options) }
}

export function watchPool(pool: pg.Pool, options: MonitorOptions = {}): DatabasePerformanceMonitor {
  const monitor = new DatabasePerformanceMonitor(pool, options)
  onTestFinished(() => monitor.close())
  return monitor
}
