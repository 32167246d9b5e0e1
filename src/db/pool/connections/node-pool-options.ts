// What a NodePool is given, what it tells, and what it says of itself.

import type pg from 'pg'
import type { Clock } from '../../../base/clock.ts'
import type { Deadlines } from '../../../base/deadlines.ts'
import type { Random } from '../../../base/random.ts'
import type { PooledClient } from './pooled-client.ts'

export interface NodePoolOptions {
  /** 'primary', 'replica-1': for messages and events. */
  readonly name: string
  /** user@host:port/database, without a password: for messages. */
  readonly target: string
  /** Makes a client that is not connected yet. */
  readonly connect: () => pg.Client
  /** Before a new connection is given out. When it rejects, the connection is closed and whoever waits has the error. */
  readonly prepare?: ((client: pg.Client) => Promise<void>) | undefined
  readonly max: number
  /** Kept up from the first warm() on. */
  readonly min: number
  /** 0: never. */
  readonly idleTimeoutMs: number
  /** Bounds a whole acquisition, waiting in the queue and connecting; and each attempt to connect. 0: no bound. */
  readonly connectTimeoutMs: number
  /** How many may wait besides those for whom a connection can be made. */
  readonly maxWaiting: number
  /** Infinity or 0: no bound. */
  readonly maxUses: number
  /** Shortened by up to a tenth, so that connections made together do not end together. Infinity or 0: no bound. */
  readonly maxLifetimeMs: number
  /** A client taken with a holder and held longer is reported, once. 0: off. */
  readonly leakAfterMs: number
  /** The share of `max` in use that is warned of. */
  readonly warnAt: number
  /** Idle connections do not keep the process alive. */
  readonly allowExitOnIdle: boolean
  readonly clock: Clock
  readonly random: Random
  readonly deadlines: Deadlines
  readonly events: NodePoolEvents
}

/** Called when the books are straight: they may use the pool. They must not throw. */
export interface NodePoolEvents {
  /** A new connection, prepared, before it is given out. */
  readonly connect: (client: PooledClient) => void
  /** One that was told of with `connect` is closed. */
  readonly remove: (client: PooledClient) => void
  /** An idle connection broke; it is out of the pool. */
  readonly error: (error: Error, client: PooledClient) => void
  /** `warnAt` was reached. Told again only after use fell a tenth below it, and at most once a second. */
  readonly warning: (stats: NodePoolStats) => void
  /** Somebody waits while all are in use. Told again as `warning` is. */
  readonly exhausted: (stats: NodePoolStats) => void
  readonly leak: (leak: Leak) => void
}

/** Who takes a client, as a report of a leak shows it. An Error will do: its stack is read only for the report. */
export interface Holder {
  readonly stack?: string | undefined
}

export interface Leak {
  readonly node: string
  readonly heldMs: number
  readonly stack: string
}

export type AcquireCallback = (error: Error | undefined, client?: PooledClient) => void

export interface NodePoolStats {
  readonly node: string
  readonly max: number
  readonly min: number
  /** Idle, in use and being made; not those being closed. */
  readonly total: number
  readonly idle: number
  /** In use. */
  readonly active: number
  readonly waiting: number
  /** Percent of `max` in use now. */
  readonly utilization: number
  /** The same as a mean over time since the last reset. */
  readonly averageUtilization: number
  readonly waits: WaitStats
  readonly connects: number
  readonly connectFailures: number
  /** Connections closed, for whatever reason. */
  readonly destroyed: number
  /** Times a connection was given out. */
  readonly uses: number
}

/** Counts since the last reset; the times are those of the last 2048 that were served or timed out. */
export interface WaitStats {
  readonly count: number
  readonly timedOut: number
  readonly refused: number
  readonly p50Ms: number
  readonly p95Ms: number
  readonly p99Ms: number
  readonly maxMs: number
}
