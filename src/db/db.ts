// The one narrow way to a database. Features take a Db or a Session and know nothing of drivers.

import type { Sql } from '../sql/sql.ts'

export interface Result<Row> {
  readonly rows: readonly Row[]
  /** Rows returned or changed, as the server counts them. */
  readonly rowCount: number
}

export interface Queryable {
  /** A statement without parameters may hold several commands; the result is that of the last. */
  query<Row extends object = Record<string, unknown>>(statement: Sql): Promise<Result<Row>>
}

/** One connection, ours until the function that was given it ends. Never two queries at once. */
export interface Session extends Queryable {
  /** The process id that the connection was told at start-up; a pooler in between tells one of its own. */
  readonly pid: number
  /** Notices of the server, from now until the session ends. */
  onNotice(listener: (notice: Notice) => void): void
  /** Its connection, for streams of the driver's (copy.ts). Nothing else is asked until the stream has ended. */
  readonly wire?: Wire | undefined
}

export interface Wire {
  submit(stream: object): void
  /** The connection is in the middle of something that nobody reads any more: it is closed, and answers nothing. */
  giveUp(error: Error): void
}

export interface Notice {
  readonly severity: string
  readonly message: string
}

export interface Db extends Queryable {
  /** Where it leads, without the password. */
  readonly target: DbTarget
  withSession<T>(work: (session: Session) => Promise<T>): Promise<T>
  /** Waits for connections in use; `now`: ends them as well, whatever they are at. */
  close(how?: { readonly now?: boolean }): Promise<void>
}

export interface DbTarget {
  readonly host: string
  readonly port: number
  readonly database: string
  readonly user: string
}

export function describeTarget(target: DbTarget): string {
  return `${target.user}@${target.host}:${target.port}/${target.database}`
}

export function isDb(value: Queryable): value is Db {
  return 'withSession' in value
}

/** The one row a query must give. */
export function onlyRow<Row>(result: Result<Row>): Row {
  const [row] = result.rows
  if (row === undefined) throw new RangeError('The query gave no row')
  return row
}
