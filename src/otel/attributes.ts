// What a statement is told of, under the names of OpenTelemetry's semantic conventions for databases; what they have no
// name for begins with `pgstrata.`. Pure.
// Promises: neither a parameter value nor the server's message (it quotes values) is among them, and what metrics are told
// apart by has few values, whatever texts are sent.

import type { Attributes } from '@opentelemetry/api'
import type { QueryTrace } from '../db/pool/telemetry.ts'

/** A text may be megabytes of a bulk insert. */
const maxTextLength = 8_192
const longestOperation = 10

/** The commands of PostgreSQL by their first word: the name of an operation is one of these. */
const operations: ReadonlySet<string> = new Set(
  (
    'ABORT ALTER ANALYZE BEGIN CALL CHECKPOINT CLOSE CLUSTER COMMENT COMMIT COPY CREATE DEALLOCATE DECLARE DELETE ' +
    'DISCARD DO DROP END EXECUTE EXPLAIN FETCH GRANT IMPORT INSERT LISTEN LOAD LOCK MERGE MOVE NOTIFY PREPARE ' +
    'REASSIGN REFRESH REINDEX RELEASE RESET REVOKE ROLLBACK SAVEPOINT SECURITY SELECT SET SHOW START TABLE TRUNCATE ' +
    'UNLISTEN UPDATE VACUUM VALUES WITH'
  ).split(' '),
)

export function shownText(text: string): string {
  return text.length <= maxTextLength ? text : `${text.slice(0, maxTextLength)}…`
}

/** The first word of the text; undefined where that is no command. */
export function operationOf(text: string): string | undefined {
  const begin = skipBlank(text)
  const word = /^[a-z]+/i.exec(text.slice(begin, begin + longestOperation + 1))?.[0].toUpperCase()
  return word !== undefined && operations.has(word) ? word : undefined
}

/** Behind blanks, brackets and comments. In a comment within a comment it stops early, and no command is found. */
function skipBlank(text: string): number {
  for (let at = 0; ;) {
    while (at < text.length && ' \t\r\n\f(;'.includes(text.charAt(at))) at++
    const isLine = text.startsWith('--', at)
    if (!isLine && !text.startsWith('/*', at)) return at
    const end = isLine ? text.indexOf('\n', at) : text.indexOf('*/', at + 2)
    if (end < 0) return text.length
    at = end + (isLine ? 1 : 2)
  }
}

/** What kind of error: its SQLSTATE, its code, or its name. */
export function errorTypeOf({ error, sqlstate }: QueryTrace): string | undefined {
  if (error === undefined || sqlstate !== undefined) return sqlstate
  const { code } = error as { code?: unknown }
  return typeof code === 'string' && /^[A-Z0-9_]{1,60}$/.test(code) ? code : error.name
}

/** Known when the statement has ended; what durations are told apart by. */
export function outcomeOf(trace: QueryTrace): Attributes {
  return present({
    'db.namespace': trace.database,
    'db.operation.name': operationOf(trace.text),
    'db.response.status_code': trace.sqlstate,
    'db.system.name': 'postgresql',
    'error.type': errorTypeOf(trace),
    'server.address': trace.host,
    'server.port': trace.port,
    'pgstrata.node': trace.node,
    'pgstrata.route': trace.route,
  })
}

/** A sampler sees these. */
export function beginningOf(trace: QueryTrace, captureText: boolean): Attributes {
  return present({
    'db.operation.name': operationOf(trace.text),
    'db.query.text': captureText ? shownText(trace.text) : undefined,
    'db.system.name': 'postgresql',
    'pgstrata.route': trace.route,
  })
}

/** Too many values for a metric. */
export function particularsOf(trace: QueryTrace): Attributes {
  return present({
    'pgstrata.lag_ms': trace.lagMs,
    'pgstrata.reason': trace.reason,
    'pgstrata.retries': trace.retries,
  })
}

function present(attributes: Readonly<Record<string, string | number | undefined>>): Attributes {
  return Object.fromEntries(Object.entries(attributes).filter(([, value]) => value !== undefined))
}
