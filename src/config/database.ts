// `database` of a configuration, as types and as a schema: where the servers are, how many connections each may have, and
// which statements go where. What is wrong between two keys is told at the key that has to change.

import { z } from 'zod'
import { parseTarget } from '../db/pg-db.ts'
import type { Consistency, Route, RouteSettings } from '../db/pool/options.ts'
import { checkNames, duration, url, type Duration } from './values.ts'

/** The connections of one server. */
export interface NodePoolConfig {
  readonly max?: number | undefined
  readonly min?: number | undefined
  readonly idleTimeout?: Duration | undefined
  readonly connectTimeout?: Duration | undefined
  readonly queryTimeout?: Duration | undefined
  readonly statementTimeout?: Duration | undefined
  readonly maxUses?: number | undefined
  readonly maxLifetime?: Duration | undefined
}

/** The connections of every server, and what holds for all together. */
export interface PoolConfig extends NodePoolConfig {
  readonly maxWaiting?: number | undefined
  readonly warnAt?: number | undefined
  readonly leakAfter?: Duration | undefined
  readonly drainTimeout?: Duration | undefined
}

export interface PrimaryNodeConfig {
  readonly url: string | undefined
  readonly routes?: readonly Route[] | undefined
  readonly pool?: NodePoolConfig | undefined
}

export interface ReplicaNodeConfig {
  readonly url: string | undefined
  readonly name?: string | undefined
  readonly routes?: readonly Exclude<Route, 'write'>[] | undefined
  readonly maxLag?: Duration | undefined
  readonly pool?: NodePoolConfig | undefined
}

export interface DatabaseConfig {
  readonly primary: string | PrimaryNodeConfig | undefined
  readonly direct?: string | undefined
  readonly connectTimeout?: Duration | undefined
  readonly replicas?: readonly ReplicaNodeConfig[] | undefined
  readonly pool?: PoolConfig | undefined
  readonly queries?: Readonly<Record<string, Route>> | undefined
  readonly settings?: Readonly<Partial<Record<Route, RouteSettings | undefined>>> | undefined
  readonly consistency?: Consistency | undefined
  readonly readWait?: Duration | undefined
  readonly sampleEvery?: Duration | undefined
  readonly readFunctions?: readonly string[] | undefined
}

export interface ParsedPool extends NodePoolConfig {
  readonly max: number
  readonly min: number
  readonly idleTimeout: Duration
  readonly connectTimeout: Duration
  readonly queryTimeout: Duration
  readonly statementTimeout: Duration
  readonly maxUses: number
  readonly maxLifetime: Duration
  readonly maxWaiting: number
  readonly warnAt: number
  readonly leakAfter: Duration
  readonly drainTimeout: Duration
}

interface ParsedReplica extends ReplicaNodeConfig {
  readonly url: string
  readonly routes: readonly Exclude<Route, 'write'>[]
  readonly maxLag: Duration
}

export interface ParsedDatabase {
  readonly primary: string | (PrimaryNodeConfig & { readonly url: string; readonly routes: readonly Route[] })
  readonly direct?: string | undefined
  readonly connectTimeout: Duration
  readonly replicas: readonly ParsedReplica[]
  readonly pool: ParsedPool
  readonly queries: Readonly<Record<string, Route>>
  readonly settings: Readonly<Record<Route, RouteSettings>>
  readonly consistency: Consistency
  readonly readWait: Duration
  readonly sampleEvery: Duration
  readonly readFunctions: readonly string[]
}

const routes = ['write', 'read', 'analytics'] as const
const route = z.enum(routes)
const count = (least: number): z.ZodInt => z.int().min(least).max(1_000_000)
const setting = z.union([z.string(), z.number(), z.boolean()])
const settings = z
  .record(z.string(), setting)
  .check(checkNames((name) => /^[a-z_][a-z0-9_.]*$/i.test(name), 'the name of a setting of PostgreSQL'))
  .default({})

const nodePool = {
  max: count(1).describe('Connections to each server, at most; of this process.'),
  min: count(0).describe('Connections to each server that are kept up from the first use on.'),
  idleTimeout: duration.describe('A connection idle for longer is closed, down to `min`. 0: never.'),
  connectTimeout: duration.describe(
    'How long a query waits for a connection, queueing and connecting together. 0: as long as it takes.',
  ),
  queryTimeout: duration.describe(
    'A query without an answer by then fails with QUERY_TIMEOUT and is cancelled on the server. 0: no limit.',
  ),
  statementTimeout: duration.describe(
    '`statement_timeout` of the server, set on connections and, through a pooler, per statement. 0: no limit.',
  ),
  maxUses: count(0).describe('A connection that was used so often is closed. 0: no limit.'),
  maxLifetime: duration.describe('A connection that old is closed when it is next idle. 0: no limit.'),
}

/** Of one server: what is not said is as `database.pool` says. */
const ownPool = z
  .strictObject(nodePool)
  .partial()
  .check(checkBounds)
  .meta({ title: 'keys of `database.pool`, `max` to `maxLifetime`' })
  .optional()

const pool = z
  .strictObject({
    max: nodePool.max.default(10),
    min: nodePool.min.default(0),
    idleTimeout: nodePool.idleTimeout.default('10s'),
    connectTimeout: nodePool.connectTimeout.default('5s'),
    queryTimeout: nodePool.queryTimeout.default(0),
    statementTimeout: nodePool.statementTimeout.default(0),
    maxUses: nodePool.maxUses.default(0),
    maxLifetime: nodePool.maxLifetime.default(0),
    maxWaiting: count(0)
      .default(1_000)
      .describe('How many may wait for a connection of one server; the next fails at once with POOL_FULL.'),
    warnAt: z.number().min(0).max(1).default(0.8).describe('Share of connections in use that `poolWarning` tells of.'),
    leakAfter: duration.default(0).describe('A client held longer is told with the stack that took it. 0: off.'),
    drainTimeout: duration.default(0).describe('How long closing waits for clients in use. 0: until they are back.'),
  })
  .check(checkBounds)
  .prefault({})

const primary = z.union([
  url,
  z.strictObject({
    url: url.describe('The same as a text alone.'),
    routes: z
      .array(route)
      .default(['write'])
      .describe(
        'What the primary takes. It always stands in for replicas; with `read` it takes its share at all times.',
      ),
    pool: ownPool.describe('What differs from `database.pool` for the primary.'),
  }),
])

const replica = z.strictObject({
  url: url.describe('URL of a streaming replica.'),
  name: z
    .string()
    .regex(/^[\w.-]{1,63}$/, 'expected letters, digits and _ . -, at most 63')
    .optional()
    .describe('How messages call it; otherwise `replica-1`, `replica-2`, …'),
  routes: z
    .array(z.enum(['read', 'analytics']))
    .min(1)
    .default(['read'])
    .describe('Which reads it takes.'),
  maxLag: duration.default('1s').describe('While it is further behind, reads pass it over.'),
  pool: ownPool.describe('What differs from `database.pool` for it.'),
})

export const databaseSchema: z.ZodType<ParsedDatabase> = z
  .strictObject({
    primary: primary.describe('URL of the primary, or an object. Usually `process.env.DATABASE_URL`.'),
    direct: url
      .optional()
      .describe('URL of the server itself, where `primary` leads through a pooler. Migrations and apply use it.'),
    connectTimeout: duration
      .default('10s')
      .describe('How long a connection of migrations, apply and doctor may take to be made.'),
    replicas: z
      .array(replica)
      .max(32)
      .default([])
      .describe('Streaming replicas. Reads go to them where nobody can tell.'),
    pool: pool.describe('Connections to each server, per process.'),
    queries: z
      .record(z.string(), route)
      .check(checkNames((name) => !routes.some((known) => known === name), 'a name that is not itself a route'))
      .default({})
      .describe("Classes of queries and the route each takes: `{ portfolio_queries: 'read', balance_sync: 'write' }`."),
    settings: z
      .strictObject({
        write: settings.describe('Of statements that go to the primary to write.'),
        read: settings.describe('Of reads.'),
        analytics: settings.describe("Of analytics: `{ work_mem: '256MB' }`."),
      })
      .prefault({})
      .describe('Settings of PostgreSQL that hold for the statements of a route.'),
    consistency: z
      .enum(['process', 'eventual', 'primary'])
      .default('process')
      .describe(
        'Outside of a session. `process`: reads see the writes of this process. `eventual`: a replica within its maxLag. `primary`: everything goes to the primary.',
      ),
    readWait: duration
      .default('20ms')
      .describe(
        'How long a read waits for a replica to catch up with what it must see, before it goes to the primary.',
      ),
    sampleEvery: duration
      .default('25ms')
      .describe('How often the positions of the servers are looked at while there are reads.'),
    readFunctions: z
      .array(z.string())
      .default([])
      .describe(
        'Functions that only read, besides the built-in ones and those that the catalog calls stable or immutable.',
      ),
  })
  .check(checkServers)

function checkBounds(context: z.core.ParsePayload<{ max?: number | undefined; min?: number | undefined }>): void {
  const { max, min } = context.value
  if (max === undefined || min === undefined || min <= max) return
  context.issues.push({
    code: 'custom',
    message: `expected at most max, ${max}, got ${min}`,
    input: min,
    path: ['min'],
  })
}

/** Each server has one URL and one name. */
function checkServers({
  value,
  issues,
}: z.core.ParsePayload<Pick<ParsedDatabase, 'primary' | 'direct' | 'replicas'>>): void {
  const servers = new Map<string, string>()
  const names = new Set(['primary'])
  const note = (address: string, path: string): void => {
    const server = serverOf(address)
    if (server !== undefined && !servers.has(server)) servers.set(server, path)
  }
  note(typeof value.primary === 'string' ? value.primary : value.primary.url, 'primary')
  if (value.direct !== undefined) note(value.direct, 'direct')
  value.replicas.forEach((item, index) => {
    const server = serverOf(item.url)
    const twin = server === undefined ? undefined : servers.get(server)
    if (server !== undefined && twin !== undefined) {
      const message = `is the same server as database.${twin}, ${server}; give each its own URL`
      issues.push({
        code: 'custom',
        message,
        input: '',
        path: ['replicas', index, 'url'],
        params: { code: 'NODE_REFUSED' },
      })
    }
    note(item.url, `replicas[${index}]`)
    const name = item.name ?? `replica-${index + 1}`
    if (names.has(name)) {
      const message = `expected a name of its own, got ${JSON.stringify(name)} once more`
      issues.push({ code: 'custom', message, input: name, path: ['replicas', index, 'name'] })
    }
    names.add(name)
  })
}

/** Without user and password: another role does not make it another server; through a pooler another database may. */
function serverOf(address: string): string | undefined {
  try {
    const { host, port, database } = parseTarget(address)
    return `${host}:${port}/${database}`
  } catch {
    // Not a URL, which is told where it stands.
    return undefined
  }
}
