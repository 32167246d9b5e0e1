// Many independent statements in one flight.
// Promises: reads alone may go to one replica, and are sent again to the primary if it is lost, or cancels one of them for
// the sake of replay; with a write among them all go to the primary, once. Each statement is its own transaction; their
// order is kept. Settings of a route, and timeouts through a pooler, do not hold here: they would need a transaction.

import pg from 'pg'
import { StrataError } from '../../base/errors.ts'
import { isConnectionLost, sqlstate, sqlstateOf } from '../../sql/sqlstate.ts'
import type { Sql } from '../../sql/sql.ts'
import type { Route } from '../pool/options.ts'
import type { StrataPool } from '../pool/strata-pool.ts'
import { answerOf, type QueryAnswer, type RowOf } from './answer.ts'
import { isLostRace, toFailure } from './failure.ts'
import { sendPipelined, type PreparedStatement, type RawOutcome } from './pipeline.ts'
import type { StatementCheck } from './send.ts'

export interface BatchOptions {
  /** Where reads go. 'write' sends them to the primary. */
  readonly route?: Route | (string & {})
  /** Resolves with the outcome of each instead of rejecting with the first error. */
  readonly settle?: boolean
}

export type BatchAnswers<Statements extends readonly Sql[]> = {
  readonly [Index in keyof Statements]: QueryAnswer<RowOf<Statements[Index]>>
}

export type BatchOutcomes<Statements extends readonly Sql[]> = {
  readonly [Index in keyof Statements]: PromiseSettledResult<QueryAnswer<RowOf<Statements[Index]>>>
}

export interface RunBatch {
  <const Statements extends readonly Sql[]>(
    statements: Statements,
    options: BatchOptions & { readonly settle: true },
  ): Promise<BatchOutcomes<Statements>>
  <const Statements extends readonly Sql[]>(
    statements: Statements,
    options?: BatchOptions & { readonly settle?: false },
  ): Promise<BatchAnswers<Statements>>
}

const mostStatements = 10_000

export function createBatch(pool: StrataPool, check: StatementCheck): RunBatch {
  const run = async (statements: readonly Sql[], options: BatchOptions = {}): Promise<unknown> => {
    if (statements.length === 0) return []
    await checkStatements(statements, check)
    const prepared = statements.map(prepare)
    const outcomes = await sendRouted(pool, prepared, options.route)
    const settled = outcomes.map((outcome, index): PromiseSettledResult<QueryAnswer<object>> =>
      outcome.error === undefined
        ? { status: 'fulfilled', value: answerOf(outcome.result) }
        : { status: 'rejected', reason: toFailure(outcome.error, statements[index]?.values ?? []) },
    )
    if (options.settle === true) return settled
    const index = settled.findIndex(({ status }) => status === 'rejected')
    const first = settled[index]
    if (first?.status === 'rejected') throw failedAt(index, settled, first.reason)
    return settled.map((outcome) => (outcome as PromiseFulfilledResult<QueryAnswer<object>>).value)
  }
  return run as RunBatch
}

async function sendRouted(
  pool: StrataPool,
  statements: readonly PreparedStatement[],
  route: string | undefined,
): Promise<readonly RawOutcome[]> {
  const write = statements.find(({ text }) => pool.explainRouting(text).route === 'write')
  if (write !== undefined) return await sendPipelined(pool, write.text, statements)
  const lead = statements[0]?.text ?? ''
  const send = (): Promise<readonly RawOutcome[]> => sendPipelined(pool, lead, statements)
  const outcomes = await (route === undefined ? send() : pool.routed(route, send))
  if (!outcomes.some(({ error }) => error !== undefined && isOfItsServer(error))) return outcomes
  // They only read, so that twice does no harm.
  return await pool.routed('write', send)
}

/** Another server may answer what this one did not. */
function isOfItsServer(error: Error): boolean {
  return isConnectionLost(error) || isLostRace(error) || sqlstateOf(error) === sqlstate.readOnlyTransaction
}

async function checkStatements(statements: readonly Sql[], check: StatementCheck): Promise<void> {
  if (statements.length > mostStatements) {
    throw new StrataError('VALUE_INVALID', {
      message: 'statements of a batch',
      expected: `at most ${mostStatements}`,
      got: String(statements.length),
      advice: 'For many rows use bulkInsert, or send several batches.',
    })
  }
  for (const statement of statements) {
    await check(statement)
    if (
      /^\s*(?:begin|start|commit|end|rollback|abort|savepoint|release|prepare\s+transaction)\b/i.test(statement.text)
    ) {
      throw new StrataError('VALUE_INVALID', {
        message: 'A batch is of independent statements: none may begin or end a transaction',
        advice: 'Use tx() for statements that belong together.',
      })
    }
  }
}

/** Before anything is sent: a value that cannot be sent must not leave half a flight behind. */
function prepare({ text, values }: Sql, index: number): PreparedStatement {
  try {
    return { text, values: values.map((value) => prepareValue(value)) }
  } catch (error) {
    throw new StrataError('VALUE_INVALID', {
      message: `A value of statement ${index + 1} cannot be sent`,
      details: { index },
      cause: error,
    })
  }
}

function prepareValue(value: unknown): unknown {
  return (pg as unknown as { utils: { prepareValue(value: unknown): unknown } }).utils.prepareValue(value)
}

function failedAt(index: number, settled: readonly PromiseSettledResult<unknown>[], cause: unknown): StrataError {
  const failed = settled.flatMap(({ status }, position) => (status === 'rejected' ? [position] : []))
  const others = failed.length === 1 ? 'the others were carried out' : `${failed.length} failed in all`
  return new StrataError('BATCH_FAILED', {
    message: `Statement ${index + 1} of ${settled.length} failed, ${others} (${(cause as Error).message})`,
    details: { index, failed, sqlstate: sqlstateOf(cause) },
    cause,
  })
}
