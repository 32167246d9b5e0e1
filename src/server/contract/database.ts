// What the server answers of the database and of the calls of applications. Durations ending in Ms are milliseconds; ratios go
// from 0 to 1.

import { anything, list, nullable, number, object, oneOf, record, text, whole, type Shape } from '../shape.ts'
import { applicationsShape, type Applications } from './applications.ts'
import {
  applicationCallsShape,
  callSummaryShape,
  slowCallShape,
  type ApplicationCalls,
  type CallSummary,
  type SlowCall,
} from './calls.ts'
import type { Health } from './health.ts'
import { healthShape } from './health.ts'

export interface PoolNode {
  readonly node: string
  readonly max: number
  readonly total: number
  readonly idle: number
  readonly active: number
  readonly waiting: number
  /** Percent of `max`. */
  readonly utilization: number
  readonly waits: {
    readonly count: number
    readonly timedOut: number
    readonly refused: number
    readonly p50Ms: number
    readonly p95Ms: number
  }
}

export interface CacheNamespace {
  readonly hits: number
  readonly misses: number
  readonly hitRatio: number | null
  readonly loads: number
  readonly loadFailures: number
  readonly entries: number
  readonly bytes: number
}

export interface CacheStatistics {
  readonly redis: 'none' | 'up' | 'down'
  readonly bytes: number
  /** null: nothing was asked for yet. */
  readonly hitRatio: number | null
  readonly namespaces: Readonly<Record<string, CacheNamespace>>
  /** Of the server's own buffers; null: not measured here. */
  readonly bufferHitRatio: number | null
}

export interface Performance {
  readonly health: Health
  /** Of this process, as `pool`, `cache` and `slowest` are. */
  readonly calls: CallSummary
  /** Of all processes, in the last minute; null without `watch`. */
  readonly applications: ApplicationCalls | null
  readonly pool: readonly PoolNode[]
  readonly cache: CacheStatistics
  readonly slowest: readonly SlowCall[]
  /** What could not be read, and why: what stands in its place says nothing. */
  readonly missing: readonly string[]
}

export interface DatabaseHealth {
  readonly status: Health['status']
  readonly problems: readonly string[]
  readonly nodes: readonly NodeState[]
  /** What is known of the primary, by the name of its metric; of what is not measured, what the server says when it is asked. */
  readonly measures: Readonly<Record<string, number>>
  /** What could not be read, and why: what stands in its place says nothing. */
  readonly missing: readonly string[]
}

export interface NodeState {
  readonly node: string
  readonly role: 'primary' | 'replica' | 'unknown'
  readonly timeline: number | null
  readonly position: string | null
  readonly lagMs: number | null
  readonly error: string | null
}

export interface DatabaseMetrics {
  /** Of this process. */
  readonly calls: readonly CallSummary[]
  readonly slowest: readonly SlowCall[]
  /** Of all processes; null without `watch`, or where it is missing. */
  readonly applications: Applications | null
  /** What could not be read, and why: what stands in its place says nothing. */
  readonly missing: readonly string[]
}

export interface Connections {
  readonly pool: readonly PoolNode[]
  /** By node, as the servers count them; empty without `watch`. */
  readonly servers: readonly {
    readonly node: string
    readonly max: number | null
    readonly states: Readonly<Record<string, number>>
    readonly oldestTransactionSeconds: number | null
    readonly idleInTransactionSeconds: number | null
  }[]
  /** What could not be read, and why: what stands in its place says nothing. */
  readonly missing: readonly string[]
}

export interface QueryAnalysis {
  /** Of this process. */
  readonly slowest: readonly SlowCall[]
  /** Of all processes, in the last ten minutes; null without `watch`. */
  readonly applications: ApplicationCalls | null
  /** The statements that took most of the last hour, whoever sent them; empty without `watch`. */
  readonly statements: readonly TopStatement[]
  /** What was found wrong with queries and indexes; empty where it cannot be asked. */
  readonly findings: readonly unknown[]
  /** What could not be read, and why: what stands in its place says nothing. */
  readonly missing: readonly string[]
}

export interface TopStatement {
  /** '0': all others. */
  readonly queryid: string
  readonly text: string | null
  readonly calls: number
  readonly execMs: number
  readonly meanMs: number
  /** Of the time of all statements. */
  readonly share: number
  readonly rows: number
  readonly blocksHit: number
  readonly blocksRead: number
  readonly tempBlocks: number
  readonly ioMs: number
  readonly walBytes: number
}

export const poolNodeShape: Shape<PoolNode> = object<PoolNode>({
  node: text(),
  max: whole(),
  total: whole(),
  idle: whole(),
  active: whole(),
  waiting: whole(),
  utilization: number(),
  waits: object<PoolNode['waits']>({
    count: whole(),
    timedOut: whole(),
    refused: whole(),
    p50Ms: number(),
    p95Ms: number(),
  }),
})

export const cacheStatisticsShape: Shape<CacheStatistics> = object<CacheStatistics>({
  redis: oneOf('none', 'up', 'down'),
  bytes: whole(),
  hitRatio: nullable(number()),
  namespaces: record(
    object<CacheNamespace>({
      hits: whole(),
      misses: whole(),
      hitRatio: nullable(number()),
      loads: whole(),
      loadFailures: whole(),
      entries: whole(),
      bytes: whole(),
    }),
  ),
  bufferHitRatio: nullable(number()),
})

export const performanceShape: Shape<Performance> = object<Performance>({
  health: healthShape,
  calls: callSummaryShape,
  applications: nullable(applicationCallsShape),
  pool: list(poolNodeShape),
  cache: cacheStatisticsShape,
  slowest: list(slowCallShape),
  missing: list(text()),
})

export const nodeStateShape: Shape<NodeState> = object<NodeState>({
  node: text(),
  role: oneOf('primary', 'replica', 'unknown'),
  timeline: nullable(whole()),
  position: nullable(text()),
  lagMs: nullable(number()),
  error: nullable(text()),
})

export const databaseHealthShape: Shape<DatabaseHealth> = object<DatabaseHealth>({
  status: oneOf('ok', 'degraded', 'down'),
  problems: list(text()),
  nodes: list(nodeStateShape),
  measures: record(number()),
  missing: list(text()),
})

export const databaseMetricsShape: Shape<DatabaseMetrics> = object<DatabaseMetrics>({
  calls: list(callSummaryShape),
  slowest: list(slowCallShape),
  applications: nullable(applicationsShape),
  missing: list(text()),
})

export const connectionsShape: Shape<Connections> = object<Connections>({
  pool: list(poolNodeShape),
  servers: list(
    object<Connections['servers'][number]>({
      node: text(),
      max: nullable(number()),
      states: record(number()),
      oldestTransactionSeconds: nullable(number()),
      idleInTransactionSeconds: nullable(number()),
    }),
  ),
  missing: list(text()),
})

export const topStatementShape: Shape<TopStatement> = object<TopStatement>({
  queryid: text(),
  text: nullable(text()),
  calls: number(),
  execMs: number(),
  meanMs: number(),
  share: number(),
  rows: number(),
  blocksHit: number(),
  blocksRead: number(),
  tempBlocks: number(),
  ioMs: number(),
  walBytes: number(),
})

export const queryAnalysisShape: Shape<QueryAnalysis> = object<QueryAnalysis>({
  slowest: list(slowCallShape),
  applications: nullable(applicationCallsShape),
  statements: list(topStatementShape),
  findings: list(anything()),
  missing: list(text()),
})
