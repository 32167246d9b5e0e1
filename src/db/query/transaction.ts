// A transaction on one node, run again, whole, when the server says that it lost a race (40001, 40P01) before its commit.
// Promises: `work` takes effect once or not at all, except where the connection is lost during COMMIT (COMMIT_UNKNOWN, never
// tried again). What fires its limit is cancelled on the server and rolled back; what `work` sends later is refused.
// State: which transaction the code that runs now is part of, so that one inside another is refused: it would wait on a
// second connection for what the first one holds.

import { AsyncLocalStorage } from 'node:async_hooks'
import type { Clock } from '../../base/clock.ts'
import { StrataError } from '../../base/errors.ts'
import type { Random } from '../../base/random.ts'
import { retry } from '../../base/retry.ts'
import type { Sql } from '../../sql/sql.ts'
import type { Queryable } from '../db.ts'
import type { LazyClient } from '../pool/clients/lazy-client.ts'
import type { Route } from '../pool/options.ts'
import type { StrataPool } from '../pool/strata-pool.ts'
import type { QueryAnswer } from './answer.ts'
import { bulkInsertIn, type BulkInsertAnswer, type BulkOptions, type BulkRows } from './bulk-insert.ts'
import type { TableReader } from './bulk-table.ts'
import { copyInto, type CopySource } from './copy-in.ts'
import { isLostRace } from './failure.ts'
import { openLimit, type Limit } from './limit.ts'
import type { QueryOptions, StatementCheck } from './send.ts'
import { misused, TxRun } from './tx-run.ts'

export interface Tx extends Queryable {
  query<Row extends object = Record<string, unknown>>(
    statement: Sql,
    options?: Omit<QueryOptions, 'route'>,
  ): Promise<QueryAnswer<Row>>
  /** A savepoint: what fails inside is undone, and the transaction goes on if you catch the error. */
  tx<T>(work: (tx: Tx) => Promise<T>): Promise<T>
  bulkInsert<Row extends object = Record<string, unknown>>(
    table: string | readonly string[],
    rows: BulkRows,
    options?: BulkOptions,
  ): Promise<BulkInsertAnswer<Row>>
  copyIn(statement: Sql, source: CopySource): Promise<{ readonly count: number }>
}

export interface TxOptions {
  readonly isolation?: 'read committed' | 'repeatable read' | 'serializable'
  /** It may run on a replica. A serializable one runs on the primary, for replicas know none. */
  readonly readOnly?: boolean
  /** With serializable and readOnly: waits until it cannot lose a race. */
  readonly deferrable?: boolean
  /** How often it is run again after a lost race. Default 5, at most 20. */
  readonly retries?: number
  /** For each attempt, waits for a connection included. */
  readonly timeoutMs?: number
  /** Where one that is readOnly goes. */
  readonly route?: Route | (string & {})
  readonly signal?: AbortSignal
  /** Inside another transaction: on a connection of its own, committed whatever becomes of the other. */
  readonly separate?: boolean
}

export interface TxParts {
  readonly pool: StrataPool
  readonly clock: Clock
  readonly random: Random
  readonly check: StatementCheck
  readonly tables: TableReader
}

export interface Transactions {
  readonly tx: <T>(work: (tx: Tx) => Promise<T>, options?: TxOptions) => Promise<T>
  /** The same for what needs the connection itself. */
  readonly inRun: <T>(work: (run: TxRun) => Promise<T>, options?: TxOptions) => Promise<T>
}

const mostRetries = 20

export function createTransactions(parts: TxParts): Transactions {
  const current = new AsyncLocalStorage<TxRun>()
  const inRun: Transactions['inRun'] = async (work, options = {}) => {
    const waitsMs = waitsOf(options.retries ?? 5)
    const begin = beginOf(options)
    if (options.separate !== true && current.getStore()?.ended === false) {
      throw misused('A transaction inside another: use tx.tx() for a savepoint, or { separate: true }')
    }
    const { clock, random } = parts
    return await retry({ waitsMs, clock, random, retryable: isLostRace, signal: options.signal }, async () => {
      const limit = openLimit({ timeoutMs: options.timeoutMs, signal: options.signal, clock })
      try {
        return await attempt(parts, { work, options, begin, limit, enter: (run, body) => current.run(run, body) })
      } finally {
        limit.close()
      }
    })
  }
  return { inRun, tx: (work, options) => inRun((run) => work(createTxFace(run, 0, parts)), options) }
}

interface Attempt<T> {
  readonly work: (run: TxRun) => Promise<T>
  readonly options: TxOptions
  readonly begin: string
  readonly limit: Limit
  readonly enter: (run: TxRun, body: () => Promise<T>) => Promise<T>
}

async function attempt<T>(parts: TxParts, { work, options, begin, limit, enter }: Attempt<T>): Promise<T> {
  const connecting = parts.pool.connect()
  const client = await limit.race(connecting).catch((error: unknown) => {
    void connecting.then(
      (late) => late.release(),
      () => undefined,
    )
    throw error
  })
  const run = new TxRun(client as unknown as LazyClient, parts.clock)
  limit.onFire = () => run.cancel()
  try {
    const route = routeOf(options)
    await limit.race(run.begin({ text: begin, ...(route === undefined ? {} : { route }) }))
    const value = await limit.race(enter(run, () => work(run)))
    run.ended = true
    if (limit.fired !== undefined) throw limit.fired
    await run.commit(options.readOnly === true)
    return value
  } catch (error) {
    await run.rollback()
    throw limit.fired ?? error
  } finally {
    run.release()
  }
}

function createTxFace(run: TxRun, level: number, parts: TxParts): Tx {
  return {
    query: async (statement, options = {}) => {
      await parts.check(statement)
      return await run.query(level, statement, options)
    },
    tx: (work) => run.savepoint(level, (inner) => work(createTxFace(run, inner, parts))),
    bulkInsert: (table, rows, options = {}) =>
      bulkInsertIn({ run, level, tables: parts.tables }, { table, rows, options }),
    copyIn: (statement, source) => copyInto(run, level, { statement, source }),
  }
}

function routeOf({ readOnly, route, isolation }: TxOptions): string | undefined {
  if (readOnly !== true) return undefined
  return isolation === 'serializable' ? 'write' : route
}

const isolations: readonly unknown[] = [undefined, 'read committed', 'repeatable read', 'serializable']

function beginOf({ isolation, readOnly, deferrable, route }: TxOptions): string {
  if (!isolations.includes(isolation)) {
    throw new StrataError('VALUE_INVALID', { message: 'isolation', expected: isolations.slice(1).join(', ') })
  }
  if (route !== undefined && route !== 'write' && readOnly !== true) {
    throw new StrataError('VALUE_INVALID', {
      message: 'route of a transaction',
      expected: 'readOnly: true beside it',
      got: 'one that may write, which runs on the primary',
    })
  }
  return [
    'begin',
    ...(isolation === undefined ? [] : [`isolation level ${isolation}`]),
    ...(readOnly === true ? ['read only'] : []),
    ...(deferrable === true ? ['deferrable'] : []),
  ].join(' ')
}

/** 10 ms, doubling up to a second; each jittered. */
function waitsOf(retries: number): readonly number[] {
  if (!Number.isInteger(retries) || retries < 0 || retries > mostRetries) {
    throw new StrataError('VALUE_INVALID', {
      message: 'retries',
      expected: `0 to ${mostRetries}`,
      got: String(retries),
    })
  }
  return Array.from({ length: retries }, (_, index) => Math.min(1_000, 10 * 2 ** index))
}
