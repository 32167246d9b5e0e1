// Db over node-postgres. Promises: nothing connects before the first query; a connection that failed is never
// given out again; every connection failure says where it led and why, and never shows a password.

import pg from 'pg'
import { messageOf, StrataError } from '../base/errors.ts'
import { isConnectionLost, sqlstate, sqlstateOf } from '../sql/sqlstate.ts'
import type { Sql } from '../sql/sql.ts'
import { redactValues } from './redact.ts'
import { describeTarget, type Db, type DbTarget, type Notice, type Result, type Session } from './db.ts'

export interface DbOptions {
  readonly url: string
  readonly max?: number
  readonly connectTimeoutMs?: number
  readonly applicationName?: string
}

/** What we use of a pg.Pool; a caller's own pool fits as it is. */
export interface PgPool {
  connect(): Promise<PgClient>
  end(): Promise<void>
}

/** What we use of a pg client. */
export interface PgClient {
  query(config: { text: string; values?: unknown[] }): Promise<PgResult | PgResult[]>
  on(event: 'notice', listener: NoticeListener): unknown
  on(event: 'error', listener: (error: Error) => void): unknown
  removeListener(event: 'notice', listener: NoticeListener): unknown
  removeListener(event: 'error', listener: (error: Error) => void): unknown
  release(error?: Error | boolean): void
}

type NoticeListener = (notice: { severity?: string; message?: string }) => void

interface PgResult {
  readonly rows: readonly unknown[]
  readonly rowCount: number | null
}

export function openDb(options: DbOptions): Db {
  const target = parseTarget(options.url)
  const pool = new pg.Pool({
    connectionString: options.url,
    max: options.max ?? 4,
    connectionTimeoutMillis: options.connectTimeoutMs ?? 10_000,
    idleTimeoutMillis: 10_000,
    application_name: options.applicationName ?? 'pgstrata',
    // A NAT forgets a connection that says nothing during a long index build.
    keepAlive: true,
    keepAliveInitialDelayMillis: 30_000,
  })
  // An idle connection that breaks is already out of the pool; the next query makes a new one.
  pool.on('error', () => {})
  return dbFromPool(pool, target)
}

export function dbFromPool(pool: PgPool, target: DbTarget): Db {
  const withSession = async <T>(work: (session: Session) => Promise<T>): Promise<T> => {
    const client = await connect(pool, target)
    const listeners: ((notice: { severity?: string; message?: string }) => void)[] = []
    let broken: Error | undefined
    // Nobody else listens while the client is ours, and an 'error' without a listener ends the process.
    const onError = (error: Error): void => void (broken ??= error)
    client.on('error', onError)
    const session: Session = {
      pid: (client as unknown as { processID?: number }).processID ?? 0,
      onNotice: (listener) => {
        const adapted = (notice: { severity?: string; message?: string }): void => listener(toNotice(notice))
        listeners.push(adapted)
        client.on('notice', adapted)
      },
      query: async <Row extends object>(statement: Sql) => {
        try {
          return await run<Row>(client, statement)
        } catch (error) {
          if (isConnectionLost(error)) broken = error as Error
          redactValues(error, statement.values)
          throw error
        }
      },
    }
    try {
      return await work(session)
    } finally {
      for (const listener of listeners) client.removeListener('notice', listener)
      client.release(broken)
      client.removeListener('error', onError)
    }
  }
  let ending: Promise<void> | undefined
  return {
    target,
    withSession,
    query: (statement) => withSession((session) => session.query(statement)),
    close: () => (ending ??= pool.end()),
  }
}

async function run<Row extends object>(client: PgClient, statement: Sql): Promise<Result<Row>> {
  const raw = await client.query(
    statement.values.length === 0 ? { text: statement.text } : { text: statement.text, values: [...statement.values] },
  )
  const last = Array.isArray(raw) ? raw.at(-1) : raw
  return { rows: (last?.rows ?? []) as readonly Row[], rowCount: last?.rowCount ?? 0 }
}

function toNotice(notice: { severity?: string; message?: string }): Notice {
  return { severity: notice.severity ?? 'NOTICE', message: notice.message ?? '' }
}

async function connect(pool: PgPool, target: DbTarget): Promise<PgClient> {
  try {
    return await pool.connect()
  } catch (error) {
    throw connectionError(error, target)
  }
}

const adviceByState: Readonly<Record<string, string>> = {
  [sqlstate.invalidPassword]: 'The server refused the password: check user and password.',
  [sqlstate.invalidAuthorization]:
    'There is no such user on the server, or no pg_hba.conf rule that lets it in from here.',
  [sqlstate.unknownDatabase]: 'Create the database first, or correct its name in the URL.',
  [sqlstate.tooManyConnections]: 'The server takes no more connections: raise max_connections, or use fewer.',
  [sqlstate.cannotConnectNow]: 'The server is starting or stopping: try again in a moment.',
}

function connectionError(error: unknown, target: DbTarget): StrataError {
  return new StrataError('DATABASE_UNREACHABLE', {
    message: `Cannot connect to ${describeTarget(target)} (${messageOf(error)})`,
    advice: adviceByState[sqlstateOf(error) ?? ''],
    details: { host: target.host, port: target.port, database: target.database },
    cause: error,
  })
}

/** Host, port, database and user of a URL, with the defaults of libpq. Refuses what is no PostgreSQL URL. */
export function parseTarget(url: string): DbTarget {
  const parsed = URL.canParse(url) ? new URL(url) : undefined
  if (parsed === undefined || !/^postgres(ql)?:\/\//.test(url)) {
    throw new StrataError('CONFIG_INVALID', {
      message: 'Not a PostgreSQL URL',
      expected: "something like 'postgres://user:password@host:5432/database'",
      got: parsed === undefined ? 'a text that is no URL' : `a URL of kind '${parsed.protocol}'`,
    })
  }
  const user = decodeURIComponent(parsed.username)
  return {
    host: parsed.searchParams.get('host') ?? decodeURIComponent(parsed.hostname || 'localhost'),
    port: Number(parsed.port || 5432),
    database: decodeURIComponent(parsed.pathname.slice(1)) || user,
    user,
  }
}
