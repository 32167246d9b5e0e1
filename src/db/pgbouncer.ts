// A pgbouncer.ini for the servers of a configuration, with the arithmetic that its sizes come from. Pure.
// Promises: the connections of PgBouncer to a server and those that go round it never exceed what the server takes, however
// many processes there are; every process may have its whole pool; the text holds no password. It is understood by every
// PgBouncer from 1.18 on.

import { StrataError } from '../base/errors.ts'
import type { DbTarget } from './db.ts'

export interface PgBouncerServer {
  /** Of the configuration: 'primary', 'replica-1'. */
  readonly name: string
  /** The server itself, not a pooler. */
  readonly target: DbTarget
  readonly maxConnections: number
  /** Of those, for superusers and the like. */
  readonly reservedConnections: number
  /** Connections that one process may have to it. */
  readonly connections: number
}

export interface PgBouncerInput {
  readonly servers: readonly [PgBouncerServer, ...PgBouncerServer[]]
  readonly processes: number
  /** How long a query may wait for a connection. 0: as long as it takes. */
  readonly waitMs: number
  /** The strictest of the URLs' sslmode. */
  readonly sslMode?: string | undefined
}

interface PgBouncerDatabase {
  readonly node: string
  /** What clients call it. */
  readonly name: string
  readonly target: DbTarget
  readonly maxConnections: number
  readonly reservedConnections: number
  /** Left for migrations, backups and people, who go round the pooler. */
  readonly keptFree: number
  /** max_db_connections */
  readonly most: number
  /** What all processes could ask for at once. */
  readonly demand: number
  /** pool_size: per database and user. */
  readonly poolSize: number
}

export interface PgBouncerPlan {
  readonly processes: number
  readonly databases: readonly PgBouncerDatabase[]
  readonly maxClients: number
  readonly reservePoolSize: number
  readonly queryWaitTimeoutS: number
  readonly sslMode: string | undefined
}

const listenPort = 6432
const leastKeptFree = 5
/** More than the processes have, for consoles and for a process that starts while its predecessor ends. */
const clientMargin = 1.25

export function planPgBouncer(input: PgBouncerInput): PgBouncerPlan {
  const { servers, processes, waitMs, sslMode } = input
  const mosts = servers.map(mostOf)
  const reservePoolSize = Math.min(5, ...mosts.map((most) => Math.floor(most / 10)))
  // That of its own console.
  const names = new Set(['pgbouncer'])
  const databases = servers.map((server, index): PgBouncerDatabase => {
    const most = mosts[index] ?? 1
    const demand = processes * server.connections
    return {
      node: server.name,
      name: nameOf(server, index === 0, names),
      target: server.target,
      maxConnections: server.maxConnections,
      reservedConnections: server.reservedConnections,
      keptFree: server.maxConnections - server.reservedConnections - most,
      most,
      demand,
      poolSize: Math.min(demand, most - reservePoolSize),
    }
  })
  const clients = databases.reduce((sum, { demand }) => sum + demand, 0)
  return {
    processes,
    databases,
    maxClients: Math.ceil(clients * clientMargin),
    reservePoolSize,
    queryWaitTimeoutS: waitMs === 0 ? 0 : Math.max(1, Math.ceil(waitMs / 1_000)),
    sslMode,
  }
}

function mostOf({ name, maxConnections, reservedConnections }: PgBouncerServer): number {
  const free = maxConnections - reservedConnections
  const most = free - Math.max(leastKeptFree, Math.ceil(free / 10))
  if (most >= 1) return most
  throw new StrataError('VALUE_INVALID', {
    message: `${name} takes too few connections for a pooler`,
    expected: `max_connections of at least ${reservedConnections + leastKeptFree + 1}`,
    got: String(maxConnections),
    advice: 'Raise max_connections of that server.',
  })
}

/**
 * The primary keeps the name of its database, so that only host and port of its URL change, where PgBouncer can read that
 * name: it takes no quoted one, whatever its manual says (pgbouncer issue 971).
 */
function nameOf(server: PgBouncerServer, isPrimary: boolean, taken: Set<string>): string {
  const { database } = server.target
  const wanted = (isPrimary ? database : `${database}_${server.name}`).replaceAll(/[^\w.-]/g, '_')
  let name = wanted
  for (let copy = 2; taken.has(name); copy++) name = `${wanted}_${copy}`
  taken.add(name)
  return name
}

export function renderPgBouncer(plan: PgBouncerPlan): string {
  const { databases } = plan
  const lines = [
    `; pgbouncer.ini for ${count(plan.processes, 'application process')}, written by \`pgstrata pgbouncer\`.`,
    '; In the configuration of pgstrata the URLs then lead here, with user and password as before:',
    ...databases.map(({ node, name, target }) => `;   ${node}: ${clientUrl(target.user, name)}`),
    `; and database.direct to the server itself, for migrations: ${formatAddress(databases[0]?.target)}`,
    '',
    '[databases]',
    '; Of its max_connections a server keeps some for superusers, and some are left free for migrations, backups and people.',
    ...databases.flatMap(renderDatabase),
    '',
    '[pgbouncer]',
    '; On the machine of the application. To serve others, listen elsewhere and use TLS (client_tls_sslmode).',
    'listen_addr = 127.0.0.1',
    `listen_port = ${listenPort}`,
    '',
    ...authentication,
    ...renderTls(plan.sslMode),
    '',
    '; A server connection serves whoever has a transaction, and is free again at its end.',
    'pool_mode = transaction',
    '',
    ...renderSizes(plan),
    '',
    ...renderTimes(plan),
    '',
    ...protocol,
  ]
  return `${lines.join('\n')}\n`
}

function renderDatabase(database: PgBouncerDatabase): string[] {
  const { name, target, maxConnections, reservedConnections, keptFree, most, demand, poolSize, node } = database
  const entry = [
    `host=${quoteValue(target.host)}`,
    `port=${target.port}`,
    `dbname=${quoteValue(target.database)}`,
    `pool_size=${poolSize}`,
    `max_db_connections=${most}`,
  ]
  return [
    `; ${node}: ${maxConnections} - ${reservedConnections} reserved - ${keptFree} left free = ${most}; the processes ask for up to ${demand}`,
    `${name} = ${entry.join(' ')}`,
  ]
}

const authentication: readonly string[] = [
  '; Users and their secrets, as pg_authid has them: "app" "SCRAM-SHA-256$4096:…"',
  'auth_type = scram-sha-256',
  'auth_file = /etc/pgbouncer/userlist.txt',
  '; Or ask the server: only auth_user stands in the file then, and may run this function (security definer, owned by a',
  '; superuser: select rolname, rolpassword from pg_authid where rolname = $1 and rolcanlogin).',
  ';auth_user = pgbouncer',
  ';auth_query = select * from pgbouncer.user_lookup($1)',
]

function renderTls(sslMode: string | undefined): string[] {
  if (sslMode === undefined) return []
  const lines = ['; As the URLs say it.', `server_tls_sslmode = ${sslMode}`]
  return sslMode.startsWith('verify') ? [...lines, 'server_tls_ca_file = /etc/ssl/certs/ca-certificates.crt'] : lines
}

function renderSizes({ databases, maxClients, reservePoolSize, processes }: PgBouncerPlan): string[] {
  const clients = databases.reduce((sum, { demand }) => sum + demand, 0)
  return [
    '; The least of the databases above; each says its own.',
    `default_pool_size = ${Math.min(...databases.map(({ poolSize }) => poolSize))}`,
    '; On top of pool_size for who waits longer than reserve_pool_timeout seconds; within max_db_connections.',
    `reserve_pool_size = ${reservePoolSize}`,
    'reserve_pool_timeout = 1',
    `; ${count(processes, 'process')} with ${databases.map(({ demand }) => demand / processes).join(' + ')} connections each is ${clients}, and a quarter more.`,
    `; Each takes a file descriptor, as does each server connection: let the limit (LimitNOFILE, ulimit -n) be above ${maxClients + databases.reduce((sum, { most }) => sum + most, 0)}.`,
    `max_client_conn = ${maxClients}`,
  ]
}

function renderTimes({ queryWaitTimeoutS }: PgBouncerPlan): string[] {
  return [
    '; Seconds. A server connection idle for that long is closed; one of that age, when it is next idle.',
    'server_idle_timeout = 60',
    'server_lifetime = 3600',
    '; Who waits longer for a server connection has an error, as pool.connectTimeout says; 0 would be for ever.',
    `query_wait_timeout = ${queryWaitTimeoutS}`,
    '; Clients are pools, which close what they do not use themselves.',
    'client_idle_timeout = 0',
    'tcp_keepalive = 1',
    'tcp_keepidle = 30',
  ]
}

const protocol: readonly string[] = [
  '; Drivers send it, and it does no harm. statement_timeout is not in the list on purpose: ignored, it would silently not',
  '; hold, and not ignored PgBouncer refuses the connection. pgstrata sends it with each statement that it routes instead.',
  'ignore_startup_parameters = extra_float_digits',
  '; From 1.21 on PgBouncer keeps the prepared statements of its clients apart, and pgstrata uses names once it does. Older',
  '; ones refuse the setting; pgstrata notices and sends statements without names.',
  ';max_prepared_statements = 256',
]

function clientUrl(user: string, database: string): string {
  return `postgres://${encodeURIComponent(user)}@127.0.0.1:${listenPort}/${encodeURIComponent(database)}`
}

function formatAddress(target: DbTarget | undefined): string {
  return target === undefined ? '' : `${target.host}:${target.port}/${target.database}`
}

function count(howMany: number, noun: string): string {
  return `${howMany} ${noun}${howMany === 1 ? '' : 'es'}`
}

function quoteValue(value: string): string {
  return /^[\w.:/-]+$/.test(value) ? value : `'${value.replaceAll("'", "''")}'`
}
