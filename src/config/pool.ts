// `database` of a configuration → the configuration of a StrataPool, with nothing left to a default of pg's. What a server
// says of its own connections goes before what is said of all; a replica takes nothing from the primary.

import { parseDurationMs } from '../base/units.ts'
import type { ReplicaConfig, StrataPoolConfig } from '../db/pool/options.ts'
import type { NodePoolConfig, ParsedDatabase, ParsedPool } from './database.ts'

/** A StrataPoolConfig that says where its servers are. */
export interface ResolvedPool extends StrataPoolConfig {
  readonly connectionString: string
  readonly max: number
  /** Milliseconds. */
  readonly connectionTimeoutMillis: number
  readonly replicas: readonly ResolvedReplica[]
}

export interface ResolvedReplica extends ReplicaConfig {
  readonly connectionString: string
  readonly name: string
  readonly max: number
  /** Milliseconds. */
  readonly maxLag: number
}

export function resolvePool(database: ParsedDatabase): ResolvedPool {
  const { pool } = database
  const primary =
    typeof database.primary === 'string' ? { url: database.primary, routes: ['write'] as const } : database.primary
  return {
    connectionString: primary.url,
    ...connectionsOf(pool, 'pool' in primary ? primary.pool : undefined),
    routes: primary.routes,
    replicas: database.replicas.map((replica, index) => ({
      connectionString: replica.url,
      ...connectionsOf(pool, replica.pool),
      name: replica.name ?? `replica-${index + 1}`,
      routes: replica.routes,
      maxLag: parseDurationMs(replica.maxLag),
    })),
    maxWaiting: pool.maxWaiting,
    warnAt: pool.warnAt,
    leakAfter: parseDurationMs(pool.leakAfter),
    drainTimeout: parseDurationMs(pool.drainTimeout),
    queries: database.queries,
    // A route without settings says nothing: with one server and no settings, statements need not be looked at.
    settings: Object.fromEntries(
      Object.entries(database.settings).filter(([, values]) => Object.keys(values).length > 0),
    ),
    consistency: database.consistency,
    readWait: parseDurationMs(database.readWait),
    sampleEvery: parseDurationMs(database.sampleEvery),
    readFunctions: database.readFunctions,
  }
}

/** The names that pg gives them. */
function connectionsOf(shared: ParsedPool, own: NodePoolConfig | undefined) {
  const max = own?.max ?? shared.max
  return {
    max,
    min: Math.min(own?.min ?? shared.min, max),
    idleTimeoutMillis: parseDurationMs(own?.idleTimeout ?? shared.idleTimeout),
    connectionTimeoutMillis: parseDurationMs(own?.connectTimeout ?? shared.connectTimeout),
    query_timeout: parseDurationMs(own?.queryTimeout ?? shared.queryTimeout),
    statement_timeout: parseDurationMs(own?.statementTimeout ?? shared.statementTimeout),
    maxUses: own?.maxUses ?? shared.maxUses,
    maxLifetimeSeconds: parseDurationMs(own?.maxLifetime ?? shared.maxLifetime) / 1_000,
  }
}
