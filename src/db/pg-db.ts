// Db over node-postgres. Promises: nothing connects before the first query; a connection that failed is never
// given out again, nor one whose answer did not come within its bound, nor one whose transaction was left open; every connection failure says where it led and
// why, and never shows a password. close({ now: true }) ends connections in use too, so it waits for nobody.

import pg from 'pg'
import { systemClock } from '../base/clock.ts'
import { isStrataError, messageOf, StrataError } from '../base/errors.ts'
import { formatDuration } from '../base/units.ts'
import { isConnectionLost, sqlstate, sqlstateOf } from '../sql/sqlstate.ts'
import type { Sql } from '../sql/sql.ts'
import { asOwn, ownStatement } from './pool/observer.ts'
import { redactValues } from './redact.ts'
import { describeTarget, type Db, type DbTarget, type Notice, type Result, type Session } from './db.ts'

export interface DbOptions {
  readonly url: string
  readonly max?: number
  readonly connectTimeoutMs?: number
  readonly applicationName?: string
  /** A statement that is not answered by then fails, and its connection is given up. Default: no bound. */
  readonly answerTimeoutMs?: number
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
  /** 'I': none is open. */
  getTransactionStatus?(): string | null
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
  const opened = new Set<pg.PoolClient>()
  const goodbyes = new WeakMap<object, Error>()
  pool.on('connect', (client) => {
    opened.add(client)
    // May be said in one breath with the last word of the connecting, before anybody has the client.
    client.on('error', (error) => void goodbyes.set(client, error))
  })
  pool.on('remove', (client) => void opened.delete(client))
  return boundedDb(pool, target, {
    answerTimeoutMs: options.answerTimeoutMs,
    goodbyeOf: (client) => goodbyes.get(client),
    // pg says goodbye, and would wait for the server to hang up.
    hangUp: () => {
      for (const client of opened) (client as unknown as Wired).connection.stream.destroySoon()
    },
  })
}

interface Wired {
  readonly connection: { readonly stream: { destroySoon(): void } }
}

export function dbFromPool(pool: PgPool, target: DbTarget): Db {
  return boundedDb(pool, target, { answerTimeoutMs: undefined, goodbyeOf: () => undefined, hangUp: () => undefined })
}

interface Bounds {
  readonly answerTimeoutMs: number | undefined
  /** What the server said as it ended the connection. */
  readonly goodbyeOf: (client: PgClient) => Error | undefined
  readonly hangUp: () => void
}

function boundedDb(pool: PgPool, target: DbTarget, { answerTimeoutMs, goodbyeOf, hangUp }: Bounds): Db {
  const inUse = new Map<PgClient, (error?: Error) => void>()
  let isClosedNow = false
  /** One that was still being made is not given to anybody. */
  const whyNot = (client: PgClient): Error | undefined => (isClosedNow ? closed() : goodbyeOf(client))
  const withSession = async <T>(work: (session: Session) => Promise<T>): Promise<T> => {
    const client = await connect(pool, target, whyNot)
    const notices = hearNotices(client)
    let broken: Error | undefined
    let silent: Error | undefined
    const release = (error?: Error): void => {
      if (inUse.delete(client)) client.release(error)
    }
    inUse.set(client, release)
    // Nobody else listens while the client is ours, and an 'error' without a listener ends the process.
    const onError = (error: Error): void => void (broken ??= error)
    client.on('error', onError)
    const session: Session = {
      pid: (client as unknown as { processID?: number }).processID ?? 0,
      onNotice: notices.listen,
      wire: {
        submit: (stream) => {
          if (silent !== undefined) throw silent
          void (client as unknown as { query(stream: object): unknown }).query(
            Object.assign(stream, { [ownStatement]: true }),
          )
        },
        giveUp: (error) => {
          silent ??= error
          broken ??= error
        },
      },
      query: async <Row extends object>(statement: Sql) => {
        // What is sent after it would wait behind it.
        if (silent !== undefined) throw silent
        try {
          const answer = run<Row>(client, statement)
          return await (answerTimeoutMs === undefined ? answer : within(answer, answerTimeoutMs, target))
        } catch (error) {
          if (isStrataError(error, 'DATABASE_LOST')) silent = error
          if (silent !== undefined || isConnectionLost(error)) broken = error as Error
          redactValues(error, statement.values)
          throw error
        }
      },
    }
    try {
      return await work(session)
    } finally {
      notices.end()
      release(broken ?? leftOpen(client))
      client.removeListener('error', onError)
    }
  }
  let ending: Promise<void> | undefined
  return {
    target,
    withSession,
    query: (statement) => withSession((session) => session.query(statement)),
    close: ({ now = false } = {}) => {
      ending ??= pool.end()
      if (now) {
        isClosedNow = true
        for (const release of inUse.values()) release(closed())
        hangUp()
      }
      return ending
    },
  }
}

interface Notices {
  readonly listen: (listener: (notice: Notice) => void) => void
  readonly end: () => void
}

function hearNotices(client: PgClient): Notices {
  const listeners: NoticeListener[] = []
  return {
    listen: (listener) => {
      const adapted: NoticeListener = (notice) => listener(toNotice(notice))
      listeners.push(adapted)
      client.on('notice', adapted)
    },
    end: () => {
      for (const listener of listeners) client.removeListener('notice', listener)
    },
  }
}

const closed = (): Error => new Error('The Db was closed')

/** Whoever was given the connection next would be in that transaction, and its locks would stay. */
function leftOpen(client: PgClient): Error | undefined {
  const status = client.getTransactionStatus?.() ?? 'I'
  return status === 'I' ? undefined : new Error('A transaction was left open')
}

/** The connection may be silent because the network swallows what is sent: nobody tells either side. */
async function within<T>(answer: Promise<T>, timeoutMs: number, target: DbTarget): Promise<T> {
  let callOff = (): void => undefined
  const late = new Promise<never>((_, reject) => {
    callOff = systemClock.after(timeoutMs, () =>
      reject(
        new StrataError('DATABASE_LOST', {
          message: `${describeTarget(target)} did not answer within ${formatDuration(timeoutMs)}`,
        }),
      ),
    )
  })
  try {
    return await Promise.race([answer, late])
  } finally {
    callOff()
  }
}

async function run<Row extends object>(client: PgClient, statement: Sql): Promise<Result<Row>> {
  const { text, values } = statement
  const raw = await client.query(asOwn(values.length === 0 ? { text } : { text, values: [...values] }))
  const last = Array.isArray(raw) ? raw.at(-1) : raw
  return { rows: (last?.rows ?? []) as readonly Row[], rowCount: last?.rowCount ?? 0 }
}

function toNotice(notice: { severity?: string; message?: string }): Notice {
  return { severity: notice.severity ?? 'NOTICE', message: notice.message ?? '' }
}

async function connect(
  pool: PgPool,
  target: DbTarget,
  whyNot: (client: PgClient) => Error | undefined,
): Promise<PgClient> {
  try {
    const client = await pool.connect()
    const reason = whyNot(client)
    if (reason === undefined) return client
    client.release(reason)
    throw reason
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
