// The monitor of a process: of its own pool, made when it is first asked for. Where the configuration says `watch`, it is there
// from the beginning, and what it records is stored with that of all other processes.
//
// What must be true: that a pool is full is stored while it is. What is stored goes through the pool as long as there is room in it, and
// by a connection of its own where there is none, which is closed when it has not been needed for ten seconds.

import type { EventEmitter } from 'node:events'
import type { Clock } from '../base/clock.ts'
import { StrataError } from '../base/errors.ts'
import type { Logger } from '../base/logger.ts'
import type { Random } from '../base/random.ts'
import type { Cache } from '../cache/index.ts'
import type { Db, Queryable } from '../db/db.ts'
import type { ConfiguredNode } from '../db/node-facts.ts'
import { queryableOf } from '../db/own-questions.ts'
import type { StrataPool } from '../db/pool/strata-pool.ts'
import { createCallFlush, DatabasePerformanceMonitor, type Point } from '../watch/index.ts'

export interface Monitoring {
  /** From now on the statements of the pool are observed. POOL_CLOSED: it was closed before there was one. */
  readonly monitor: DatabasePerformanceMonitor
  /** Stores what is left. Idempotent. */
  close(): Promise<void>
}

export interface MonitoringTools {
  readonly pool: StrataPool
  /** To the primary, past any pooler. */
  readonly direct: Db
  readonly cache: Cache
  readonly nodes: readonly ConfiguredNode[]
  /** What is recorded goes to the tables of `watch`. */
  readonly stores: boolean
  /** A way to the primary around the pool, which nothing connects by before it is needed. */
  readonly around: () => Db
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
}

export function createMonitoring({
  pool,
  direct,
  cache,
  nodes,
  stores,
  around,
  ...tools
}: MonitoringTools): Monitoring {
  let monitor: DatabasePerformanceMonitor | undefined
  let isClosed = false
  const replicas = nodes.filter(({ isReplica }) => isReplica).map(({ name, db }) => ({ name, on: db }))
  const open = (): DatabasePerformanceMonitor => {
    if (monitor === undefined && isClosed) {
      throw new StrataError('POOL_CLOSED', {
        message: 'There is nothing to monitor any more: this was closed',
        advice: 'Ask for `monitor` before `close()`; what one has recorded by then can still be read.',
      })
    }
    return (monitor ??= new DatabasePerformanceMonitor(pool, { replicas, direct, clock: tools.clock }))
  }
  let aside: Db | undefined
  const on: Queryable = {
    query: (statement) => (isFull(pool) ? (aside ??= around()) : queryableOf(pool)).query(statement),
  }
  const flush = stores
    ? createCallFlush({
        ...tools,
        recorder: open().recorder,
        on,
        points: createPoints(pool, cache),
      })
    : undefined
  return {
    get monitor() {
      return open()
    },
    close: async () => {
      isClosed = true
      await flush?.close()
      await aside?.close({ now: true })
      await monitor?.close()
    },
  }
}

/** Whoever asks it has to wait. */
function isFull(pool: StrataPool): boolean {
  return pool.stats().some(({ active, max, waiting }) => active >= max || waiting > 0)
}

/** Of fewer lookups the share says nothing. */
const leastLookups = 100

type Gauges = () => readonly Omit<Point, 'labels'>[]

/** Of counters, what was added since they were last asked for; of the cache, the share since there was enough to tell. */
function createPoints(pool: StrataPool, cache: Cache): Gauges {
  let exhausted = 0
  let told = { hits: 0, misses: 0 }
  const events: EventEmitter = pool
  events.on('poolExhausted', () => void exhausted++)
  return () => {
    const nodes = pool.stats()
    // Nothing to say of a pool that nobody has used: and nothing connects for that alone.
    if (nodes.every(({ connects }) => connects === 0)) return []
    const spaces = Object.values(cache.stats().namespaces)
    const hits = spaces.reduce((sum, { localHits, sharedHits }) => sum + localHits + sharedHits, 0)
    const misses = spaces.reduce((sum, space) => sum + space.misses, 0)
    const asked = hits - told.hits + misses - told.misses
    const share = asked < leastLookups ? undefined : (hits - told.hits) / asked
    if (share !== undefined) told = { hits, misses }
    // It is told once as it begins; as long as it lasts it counts once each time.
    const added = Math.max(exhausted, nodes.some(({ active, max, waiting }) => active >= max && waiting > 0) ? 1 : 0)
    exhausted = 0
    return [
      { metric: 'pgstrata_pool_used_ratio', value: Math.max(...nodes.map(({ utilization }) => utilization)) / 100 },
      { metric: 'pgstrata_pool_waiting', value: nodes.reduce((sum, { waiting }) => sum + waiting, 0) },
      { metric: 'pgstrata_pool_exhausted_total', value: added },
      ...(share === undefined ? [] : [{ metric: 'pgstrata_cache_hit_ratio', value: share }]),
    ]
  }
}
