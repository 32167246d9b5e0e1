// One statement through the pool, prepared by name.
// Promises: a wrong number of parameters is refused before anything is sent: the server's answer to it looks like a lost
// connection, and would cost one. No error shows a value.

import { StrataError } from '../../base/errors.ts'
import { createClassifier, loadParser, type Classifier } from '../../sql/classify/index.ts'
import { isSql, type Sql } from '../../sql/sql.ts'
import { isOwn, ownStatement } from '../pool/observer.ts'
import type { RoutedConfig } from '../pool/statement/call.ts'
import type { Route } from '../pool/options.ts'
import type { StrataPool } from '../pool/strata-pool.ts'
import { answerOf, type QueryAnswer } from './answer.ts'
import { toFailure, wrongParameters } from './failure.ts'

export interface QueryOptions {
  /** 'write', 'read', 'analytics', or a name from `queries` of the configuration. Default: by what the statement does. */
  readonly route?: Route | (string & {})
  /** Prepare it by name on its connection. Default: yes, if it is a query or a change of rows and not very long. */
  readonly prepare?: boolean
  /** Cancels it on the server when it has taken longer. Default: `query_timeout` of the pool. */
  readonly timeoutMs?: number
  readonly [ownStatement]?: true
}

/** Longer ones were put together by a program, and seldom come twice. */
const longestPrepared = 10_000

/** What pg is to send. */
export function configOf(statement: Sql, options: QueryOptions = {}): RoutedConfig {
  const { route, prepare = isWorthPreparing(statement.text), timeoutMs } = options
  return {
    text: statement.text,
    values: [...statement.values],
    ...(prepare ? { prepare } : {}),
    ...(route === undefined ? {} : { route }),
    ...(timeoutMs === undefined ? {} : { query_timeout: timeoutMs }),
    ...(isOwn(options) || isOwn(statement) ? { [ownStatement]: true } : {}),
  }
}

/** Refuses what is no statement, and one whose text and values do not fit together. */
export type StatementCheck = (statement: Sql) => Promise<void>

/** Holds what it found out about texts, bounded. */
export function createStatementCheck(): StatementCheck {
  let classifier: Classifier | undefined
  return async (statement) => {
    if (isSql(statement)) return
    const { text, values } = (statement ?? {}) as Partial<Sql>
    if (typeof text !== 'string' || !Array.isArray(values)) {
      throw new StrataError('VALUE_INVALID', {
        message: 'A statement is SQL made with the sql tag',
        expected: '{ text, values }',
        got: typeof statement === 'string' ? 'a text' : typeof statement,
      })
    }
    await loadParser()
    classifier ??= createClassifier({ maxEntries: 500 })
    const { parameterCount, reason } = classifier.classify(text)
    // One that could not be read has no count: the server will say what is wrong with it.
    const isRead = parameterCount > 0 || /^(only reads|holds no statement)$/.test(reason)
    if (isRead && parameterCount !== values.length) throw wrongParameters(String(parameterCount), String(values.length))
  }
}

export async function sendQuery<Row extends object>(
  pool: StrataPool,
  statement: Sql,
  options: QueryOptions = {},
): Promise<QueryAnswer<Row>> {
  try {
    return answerOf<Row>(await pool.query(configOf(statement, options)))
  } catch (error) {
    throw toFailure(error, statement.values)
  }
}

function isWorthPreparing(text: string): boolean {
  return text.length <= longestPrepared && /^\s*(?:select|insert|update|delete|merge|with|values|table)\b/i.test(text)
}
