// What is measured in more than one number: rows of pgstrata.watch_statement and watch_session, and texts of statements, once.

/** What one statement, or all others together (queryid '0'), came to since the reading before. */
export interface StatementRow {
  /** A number of 64 bits, as text. */
  readonly queryid: string
  readonly calls: number
  readonly execMs: number
  readonly planMs: number
  readonly rows: number
  readonly blocksHit: number
  readonly blocksRead: number
  readonly tempBlocks: number
  readonly ioMs: number
  readonly walBytes: number
}

/** Active sessions seen at one thing, each counted once for every second it was seen. */
export interface SessionRow {
  /** 'Lock', 'IO' …, 'CPU' for no wait, 'Background' for processes of the server itself. */
  readonly waitType: string
  readonly wait: string
  readonly queryid: string
  readonly samples: number
}

export interface QueryText {
  readonly queryid: string
  readonly text: string
}

/** Of statements, and as many of what applications send. Those that were seen last stay. */
export const mostStoredTexts = 5_000
