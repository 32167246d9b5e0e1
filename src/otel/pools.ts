// Connections, waits and lag of pools, read when metrics are collected and at no other time.

import type { Attributes, BatchObservableCallback, BatchObservableResult, Meter } from '@opentelemetry/api'
import type { NodePoolStats } from '../db/pool/connections/node-pool-options.ts'
import type { NodeStatus } from '../db/pool/cluster/server-node.ts'

/** What is asked of a StrataPool. */
export interface ObservedPool {
  stats(): readonly NodePoolStats[]
  nodes(): readonly NodeStatus[]
}

type Instruments = ReturnType<typeof createInstruments>

const poolName = 'db.client.connection.pool.name'
const stateName = 'db.client.connection.state'

/** Returns what ends it. With several pools the name of a node is led by the number of its pool: '2.primary'. */
export function observePools(meter: Meter, pools: readonly ObservedPool[]): () => void {
  const instruments = createInstruments(meter)
  const observables = Object.values(instruments)
  const observe: BatchObservableCallback = (result) => {
    pools.forEach((pool, index) => {
      const nameOf = (node: string): string => (pools.length === 1 ? node : `${index + 1}.${node}`)
      for (const stats of pool.stats()) observeStats(result, instruments, { stats, name: nameOf(stats.node) })
      for (const status of pool.nodes()) observeLag(result, instruments, { status, name: nameOf(status.node) })
    })
  }
  meter.addBatchObservableCallback(observe, observables)
  return () => meter.removeBatchObservableCallback(observe, observables)
}

function createInstruments(meter: Meter) {
  const count = (name: string, unit: string, description: string) =>
    meter.createObservableUpDownCounter(name, { unit, description })
  return {
    connections: count('db.client.connection.count', '{connection}', 'Connections by state.'),
    max: count('db.client.connection.max', '{connection}', 'The most connections that may be open.'),
    idleMin: count('db.client.connection.idle.min', '{connection}', 'Connections that are kept up.'),
    pending: count('db.client.connection.pending_requests', '{request}', 'Requests that wait for a connection.'),
    timeouts: meter.createObservableCounter('db.client.connection.timeouts', {
      unit: '{timeout}',
      description: 'Requests that waited for a connection in vain.',
    }),
    // The conventions have a histogram `db.client.connection.wait_time`; the pool keeps percentiles, which is another thing.
    waits: meter.createObservableGauge('pgstrata.connection.wait_time', {
      unit: 's',
      description: 'How long the last 2048 requests waited for a connection, by percentile.',
    }),
    lag: meter.createObservableGauge('pgstrata.replica.lag', {
      unit: 's',
      description: 'How far a replica is behind the primary.',
    }),
  }
}

function observeStats(
  result: BatchObservableResult,
  instruments: Instruments,
  { stats, name }: { readonly stats: NodePoolStats; readonly name: string },
): void {
  const pool: Attributes = { [poolName]: name }
  result.observe(instruments.connections, stats.idle, { ...pool, [stateName]: 'idle' })
  result.observe(instruments.connections, stats.active, { ...pool, [stateName]: 'used' })
  result.observe(instruments.max, stats.max, pool)
  result.observe(instruments.idleMin, stats.min, pool)
  result.observe(instruments.pending, stats.waiting, pool)
  const { timedOut, p50Ms, p95Ms, p99Ms } = stats.waits
  result.observe(instruments.timeouts, timedOut, pool)
  for (const [percentile, waitMs] of [
    [50, p50Ms],
    [95, p95Ms],
    [99, p99Ms],
  ] as const) {
    result.observe(instruments.waits, waitMs / 1_000, { ...pool, 'pgstrata.percentile': percentile })
  }
}

/** A lag that is not known is not told: 0 would say that all is well. */
function observeLag(
  result: BatchObservableResult,
  { lag }: Instruments,
  { status, name }: { readonly status: NodeStatus; readonly name: string },
): void {
  if (status.role !== 'replica' || status.lagMs === null) return
  result.observe(lag, status.lagMs / 1_000, { [poolName]: name, 'pgstrata.node': status.node })
}
