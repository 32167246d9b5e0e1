// What may be said of live events: which tables, rollups and lists can be subscribed to, and how much of everything there is.

/** Nothing of a table that is not declared reaches a client, and of its rows only what is named here. */
export interface LiveTable {
  /** How topics call it. */
  readonly name: string
  readonly schema: string
  readonly table: string
  /** Columns that go out with an event, where the feed has them; the key always does. */
  readonly columns: readonly string[]
  /** Columns that a topic may set conditions on, besides those of the key. */
  readonly filters: readonly string[]
  /** Columns of those that never change once a row is there. An update then concerns nobody but whom its row concerns. */
  readonly fixed: readonly string[]
}

/** A rollup, as far as events need to know it: whoever changes its source changes it. */
export interface LiveRollup {
  readonly name: string
  readonly schema: string
  /** The source. */
  readonly table: string
  readonly by: readonly string[]
}

export interface TopQuestion {
  readonly name: string
  readonly orderBy: string
  readonly limit: number
}

/** A list in the order of one of its columns, the greatest first, such as the totals of a rollup. */
export interface LiveTop {
  readonly name: string
  readonly orderBy: readonly string[]
  /** Tables whose changes may change it. */
  readonly sources: readonly { readonly schema: string; readonly table: string }[]
  /** `lsn`: a position of the primary's WAL that what was read is not behind, asked for afterwards. */
  readonly read: (question: TopQuestion) => Promise<{ readonly rows: readonly object[]; readonly lsn: bigint }>
}

export interface LiveLimits {
  /** Events of one client are gathered for so long at most: the longer, the more there is to send. */
  readonly tickMs: number
  /** Events that are kept for those who come back, and their size. */
  readonly ringEvents: number
  readonly ringBytes: number
  /** Rows that wait for one client, and their size; behind that it is told to begin anew. */
  readonly queueEvents: number
  readonly queueBytes: number
  /** Something is sent to every client at least this often. */
  readonly heartbeatMs: number
  /** A client that takes nothing for so long is dropped. */
  readonly stallMs: number
  /** So long may a client be ahead of this process, having come from another one. */
  readonly aheadMs: number
  /** A connection is ended after so long, so that whoever comes back is asked for again. */
  readonly connectionMs: number
  readonly connections: number
  readonly connectionsPerAddress: number
  readonly topicsPerConnection: number
  /** Different ones, in this process. */
  readonly topics: number
  /** Lists are read again this often while somebody watches: windows move on by themselves. */
  readonly topEveryMs: number
}

export const defaultLimits: LiveLimits = {
  tickMs: 50,
  ringEvents: 10_000,
  ringBytes: 16 * 1024 * 1024,
  queueEvents: 500,
  queueBytes: 256 * 1024,
  heartbeatMs: 15_000,
  stallMs: 30_000,
  aheadMs: 5_000,
  connectionMs: 3_600_000,
  connections: 10_000,
  connectionsPerAddress: 200,
  topicsPerConnection: 32,
  topics: 50_000,
  topEveryMs: 1_000,
}

/** Rows of a list. */
export const mostTopRows = 200
