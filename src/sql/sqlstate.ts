// SQLSTATEs by name, each with what it means here. Decisions are made by these, never by message texts.
// https://www.postgresql.org/docs/18/errcodes-appendix.html

export const sqlstate = {
  /** Two transactions cannot both be serialised; run the whole transaction again. */
  serializationFailure: '40001',
  /** Ours was the one chosen to die; run the whole transaction again. */
  deadlockDetected: '40P01',
  /** lock_timeout passed (also: NOWAIT). */
  lockNotAvailable: '55P03',
  /** statement_timeout passed, or somebody cancelled. */
  queryCanceled: '57014',
  /** The server is stopping; the connection is gone. */
  adminShutdown: '57P01',
  crashShutdown: '57P02',
  /** Starting up, shutting down or in recovery: try again soon. */
  cannotConnectNow: '57P03',
  /** A write reached a replica or a read-only transaction. */
  readOnlyTransaction: '25006',
  diskFull: '53100',
  tooManyConnections: '53300',
  insufficientPrivilege: '42501',
  /** A number that its type does not hold. */
  numericValueOutOfRange: '22003',
  /** Among others: a row of an index of more than a third of a page. */
  programLimitExceeded: '54000',
  undefinedTable: '42P01',
  undefinedFunction: '42883',
  undefinedObject: '42704',
  undefinedColumn: '42703',
  undefinedSchema: '3F000',
  duplicateTable: '42P07',
  /** A partition whose bounds overlap another's, among others. */
  invalidObjectDefinition: '42P17',
  duplicateObject: '42710',
  duplicateSchema: '42P06',
  /** REFRESH … CONCURRENTLY: two rows are the same where a unique index says that none are. */
  cardinalityViolation: '21000',
  uniqueViolation: '23505',
  foreignKeyViolation: '23503',
  /** Something depends on what is to be dropped. */
  dependentObjects: '2BP01',
  exclusionViolation: '23P01',
  /** Also: no partition takes the row. */
  checkViolation: '23514',
  invalidTableDefinition: '42P16',
  /** What is said to a statement that cannot run inside a transaction block. */
  activeTransaction: '25001',
  /** COMMIT inside a procedure that was called in a transaction. */
  invalidTransactionTermination: '2D000',
  featureNotSupported: '0A000',
  /** A function of recovery on a primary, or the other way round. */
  wrongRole: '55000',
  invalidPassword: '28P01',
  invalidAuthorization: '28000',
  unknownDatabase: '3D000',
} as const

/** The SQLSTATE of an error of pg, of any version and copy of the package. */
export function sqlstateOf(error: unknown): string | undefined {
  const code = (error as { code?: unknown } | null)?.code
  return typeof code === 'string' && /^[0-9A-Z]{5}$/.test(code) ? code : undefined
}

/** The server closed the connection: shutdown, database dropped, or one of the three timeouts that end a session. */
const lostStates: ReadonlySet<string> = new Set([
  sqlstate.adminShutdown,
  sqlstate.crashShutdown,
  '57P04',
  '57P05',
  '25P03',
  '25P04',
])
const lostCodes: ReadonlySet<string> = new Set(['ECONNRESET', 'EPIPE', 'ECONNREFUSED', 'ETIMEDOUT', 'ENOTCONN'])

/** The connection is gone: whether the statement took effect is not known. */
export function isConnectionLost(error: unknown): boolean {
  const state = sqlstateOf(error)
  if (state !== undefined) return lostStates.has(state) || state.startsWith('08')
  const code = (error as { code?: unknown } | null)?.code
  if (typeof code === 'string') return lostCodes.has(code)
  // pg itself gives these two no code.
  return (
    error instanceof Error && /^(Connection terminated|Client has encountered a connection error)/.test(error.message)
  )
}
