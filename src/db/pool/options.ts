// What a StrataPool may be given, and the same with every default filled in. A plain pg.PoolConfig is one: without replicas
// there is one node, and nothing is classified, sampled or asked of the server beyond what connecting takes.

import type pg from 'pg'
import { StrataError } from '../../base/errors.ts'
import { parseDurationMs } from '../../base/units.ts'
import { parseTarget } from '../pg-db.ts'

/** Where a statement may go. */
export type Route = 'write' | 'read' | 'analytics'

/**
 * What holds outside of a session. 'process': reads see this process's own writes. 'eventual': a replica within its
 * maxLag. 'primary': everything goes to the primary, and only sessions read from replicas.
 */
export type Consistency = 'process' | 'eventual' | 'primary'

/** Settings of PostgreSQL, by name. */
export type RouteSettings = Readonly<Record<string, string | number | boolean>>

export interface ReplicaConfig extends pg.PoolConfig {
  /** What it takes of the reads. Default ['read']. */
  readonly routes?: readonly ('read' | 'analytics')[]
  /** A replica further behind is passed over. Default '1s'. */
  readonly maxLag?: string | number
  /** How messages call it. Default 'replica-1', 'replica-2', … */
  readonly name?: string
}

export interface StrataPoolConfig extends pg.PoolConfig {
  readonly replicas?: readonly ReplicaConfig[]
  /** What the primary takes. It always stands in for replicas; with 'read' it takes its share at all times. Default ['write']. */
  readonly routes?: readonly Route[]
  readonly consistency?: Consistency
  /** Names for classes of queries, and where they go: { portfolio_queries: 'read', balance_sync: 'write' }. */
  readonly queries?: Readonly<Record<string, Route>>
  /** Settings that hold for the statements of a route. */
  readonly settings?: Readonly<Partial<Record<Route, RouteSettings>>>
  /** How long a read waits for a replica to catch up with its token before it goes to the primary. Default '20ms'. */
  readonly readWait?: string | number
  /** How often positions are looked at while there are reads. Default '25ms'. */
  readonly sampleEvery?: string | number
  /** Functions that only read, besides the built-in ones and those the catalog calls stable or immutable. */
  readonly readFunctions?: readonly string[]
  /** Whether statements are prepared by name. Default: yes, but through a pooler only if it keeps them apart. */
  readonly prepare?: boolean
  /** How many statements are kept prepared on a connection. Default 256. */
  readonly maxPrepared?: number
  /** How many may wait for a connection of a node. Default 1000. */
  readonly maxWaiting?: number
  /** Share of a node's connections in use that poolWarning tells of. Default 0.8. */
  readonly warnAt?: number
  /** A client held longer is reported with the stack that took it. Default 0: off. */
  readonly leakAfter?: string | number
  /** How long end() waits for clients in use. Default 0: until they are back. */
  readonly drainTimeout?: string | number
}

export interface NodeOptions {
  readonly name: string
  readonly target: string
  readonly client: pg.ClientConfig
  readonly routes: ReadonlySet<Route>
  readonly maxLagMs: number
  readonly max: number
  readonly min: number
  readonly idleTimeoutMs: number
  readonly connectTimeoutMs: number
  readonly maxUses: number
  readonly maxLifetimeMs: number
  readonly queryTimeoutMs: number
  readonly statementTimeoutMs: number
}

export interface PoolOptions {
  readonly nodes: readonly [NodeOptions, ...NodeOptions[]]
  readonly consistency: Consistency
  readonly queries: Readonly<Record<string, Route>>
  readonly settings: Readonly<Partial<Record<Route, RouteSettings>>>
  readonly readWaitMs: number
  readonly sampleEveryMs: number
  readonly readFunctions: readonly string[]
  readonly prepare: boolean | undefined
  readonly maxPrepared: number
  readonly maxWaiting: number
  readonly warnAt: number
  readonly leakAfterMs: number
  readonly drainTimeoutMs: number
  readonly allowExitOnIdle: boolean
  readonly verify: pg.PoolConfig['verify']
  readonly onConnect: pg.PoolConfig['onConnect']
}

const maxReplicas = 32

export function resolvePoolOptions(config: StrataPoolConfig): PoolOptions {
  const replicas = config.replicas ?? []
  if (replicas.length > maxReplicas) {
    throw invalid('replicas', `at most ${maxReplicas}`, String(replicas.length))
  }
  const primary = resolveNode(config, { name: 'primary', routes: config.routes ?? ['write'], maxLagMs: 0 })
  const nodes = replicas.map((replica, index) =>
    resolveNode(inherit(config, replica), {
      name: replica.name ?? `replica-${index + 1}`,
      routes: replica.routes ?? ['read'],
      maxLagMs: parseDurationMs(replica.maxLag ?? '1s'),
    }),
  )
  refuseTwins([primary, ...nodes])
  return {
    nodes: [primary, ...nodes],
    consistency: config.consistency ?? 'process',
    queries: config.queries ?? {},
    settings: checkSettings(config.settings ?? {}),
    readWaitMs: parseDurationMs(config.readWait ?? '20ms'),
    sampleEveryMs: Math.max(1, parseDurationMs(config.sampleEvery ?? '25ms')),
    readFunctions: config.readFunctions ?? [],
    prepare: config.prepare,
    maxPrepared: config.maxPrepared ?? 256,
    maxWaiting: config.maxWaiting ?? 1_000,
    warnAt: config.warnAt ?? 0.8,
    leakAfterMs: parseDurationMs(config.leakAfter ?? 0),
    drainTimeoutMs: parseDurationMs(config.drainTimeout ?? 0),
    allowExitOnIdle: config.allowExitOnIdle ?? false,
    verify: config.verify,
    onConnect: config.onConnect,
  }
}

/** A replica is reached as the primary is, but for what it says itself. A URL says where: nothing of that is inherited beside it. */
function inherit(config: StrataPoolConfig, replica: ReplicaConfig): pg.PoolConfig {
  const { connectionString: url, host: _host, port: _port, database, user, password, ...shared } = config
  if (replica.connectionString !== undefined) return { ...shared, ...replica }
  if (url === undefined) return { database, user, password, ...shared, ...replica }
  // The primary's URL, leading elsewhere. What stands in a URL goes before what stands beside it.
  const own = new URL(url)
  if (replica.host !== undefined) own.hostname = replica.host
  if (replica.port !== undefined) own.port = String(replica.port)
  if (replica.database !== undefined) own.pathname = `/${encodeURIComponent(replica.database)}`
  if (replica.user !== undefined) own.username = encodeURIComponent(replica.user)
  if (typeof replica.password === 'string') own.password = encodeURIComponent(replica.password)
  return { ...shared, ...replica, connectionString: own.href }
}

function resolveNode(
  config: pg.PoolConfig,
  own: { name: string; routes: readonly Route[]; maxLagMs: number },
): NodeOptions {
  // As pg takes it: 0 for the default.
  const max = (config.max ?? 0) || 10
  if (!Number.isInteger(max) || max < 1) throw invalid(`${own.name}.max`, 'a whole number from 1', String(max))
  const min = Math.min(config.min ?? 0, max)
  return {
    name: own.name,
    target: targetOf(config),
    client: clientConfig(config),
    routes: new Set(own.routes),
    maxLagMs: own.maxLagMs,
    max,
    min,
    idleTimeoutMs: config.idleTimeoutMillis ?? 10_000,
    connectTimeoutMs: config.connectionTimeoutMillis ?? 0,
    maxUses: config.maxUses ?? Number.POSITIVE_INFINITY,
    maxLifetimeMs: (config.maxLifetimeSeconds ?? 0) * 1_000,
    queryTimeoutMs: config.query_timeout ?? 0,
    statementTimeoutMs: config.statement_timeout === false ? 0 : (config.statement_timeout ?? 0),
  }
}

/**
 * What each pg.Client is made with. The timeouts are kept out of it: pg would leave the server running at a
 * query_timeout, and PgBouncer refuses statement_timeout at start-up.
 */
function clientConfig(config: pg.PoolConfig): pg.ClientConfig {
  const {
    max: _max,
    min: _min,
    idleTimeoutMillis: _idle,
    connectionTimeoutMillis: _connect,
    maxUses: _uses,
    maxLifetimeSeconds: _lifetime,
    query_timeout: _query,
    statement_timeout: _statement,
    allowExitOnIdle: _exit,
    verify: _verify,
    onConnect: _onConnect,
    log: _log,
    // It is switched on where it is safe, for as long as it is.
    pipeline: _pipeline,
    ...client
  } = config as StrataPoolConfig & ReplicaConfig
  const own = ['replicas', 'routes', 'consistency', 'queries', 'settings', 'maxLag', 'name', 'prepare'] as const
  const kept: Record<string, unknown> = { ...client }
  for (const key of own) delete kept[key]
  return { fallback_application_name: 'pgstrata', keepAlive: true, keepAliveInitialDelayMillis: 30_000, ...kept }
}

/** From print only: who makes a client of the options needs the URL, which may have a password in it. */
export function hideUrl(options: object): void {
  const inspected = function (this: object): object {
    const { connectionString: _url, ...shown } = this as pg.PoolConfig
    return shown
  }
  Object.defineProperty(options, Symbol.for('nodejs.util.inspect.custom'), { value: inspected, enumerable: false })
}

/** user@host:port/database as far as it is written down; never a password. */
function targetOf(config: pg.PoolConfig): string {
  if (config.connectionString === undefined) {
    return `${config.user ?? ''}@${config.host ?? 'localhost'}:${config.port ?? 5432}/${config.database ?? ''}`
  }
  const { user, host, port, database } = parseTarget(config.connectionString)
  return `${user}@${host}:${port}/${database}`
}

function refuseTwins(nodes: readonly NodeOptions[]): void {
  const seen = new Map<string, string>()
  for (const { name, target, client } of nodes) {
    // A connector of its own decides where it leads.
    if (client.stream !== undefined) continue
    const twin = seen.get(target)
    if (twin !== undefined) {
      throw new StrataError('NODE_REFUSED', {
        message: `${name} and ${twin} are the same server, ${target}`,
        advice: 'Give each node its own URL; a replica has its own host or port.',
      })
    }
    seen.set(target, name)
  }
}

function checkSettings(settings: Readonly<Partial<Record<Route, RouteSettings>>>): typeof settings {
  for (const [route, values] of Object.entries(settings)) {
    for (const name of Object.keys(values)) {
      if (!/^[a-z_][a-z0-9_.]*$/i.test(name)) throw invalid(`settings.${route}`, 'names of settings', name)
    }
  }
  return settings
}

function invalid(path: string, expected: string, got: string): StrataError {
  return new StrataError('CONFIG_INVALID', { message: path, expected, got })
}
