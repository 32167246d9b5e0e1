// The query API: what people who use no ORM write their queries with, over a StrataPool.
// Promises: everything goes where the pool sends it, in the session that surrounds the call, whose token it moves on. No
// error shows the value of a parameter. Nothing connects before the first call.
// State: what was found out about tables and texts, bounded.

import { systemClock, type Clock } from '../../base/clock.ts'
import { systemRandom, type Random } from '../../base/random.ts'
import type { Sql } from '../../sql/sql.ts'
import type { StrataPool } from '../pool/strata-pool.ts'
import type { QueryAnswer, TypedSql } from './answer.ts'
import { createBatch, type RunBatch } from './batch.ts'
import { bulkInsert, type BulkInsertAnswer, type BulkInsertOptions, type BulkRows } from './bulk-insert.ts'
import { createTableReader } from './bulk-table.ts'
import { copyInto, type CopySource } from './copy-in.ts'
import { createPaginate, type Page, type PaginateOptions } from './paginate.ts'
import { createStatementCheck, sendQuery, type QueryOptions } from './send.ts'
import { createTransactions, type Tx, type TxOptions } from './transaction.ts'
import type { TxRun } from './tx-run.ts'

export interface QueryApi {
  /**
   * One statement, prepared by name, sent to the node that is right for it.
   *
   *     const { rows } = await strata.query<{ id: number }>(sql`select id from plays where song = ${song}`)
   */
  query<Row extends object = Record<string, unknown>>(
    statement: Sql | TypedSql<Row>,
    options?: QueryOptions,
  ): Promise<QueryAnswer<Row>>
  /**
   * A transaction on one node, run again, whole, when it lost a race (40001, 40P01) before its commit. Inside, use the `tx`
   * given; `tx.tx()` is a savepoint, and this function itself is refused there.
   *
   *     await strata.tx(async (tx) => {
   *       await tx.query(sql`update accounts set balance = balance - 10 where id = ${from}`)
   *       await tx.query(sql`update accounts set balance = balance + 10 where id = ${to}`)
   *     })
   */
  tx<T>(work: (tx: Tx) => Promise<T>, options?: TxOptions): Promise<T>
  /**
   * Independent statements in one flight over one connection, each a transaction of its own. Rejects with the first error
   * (`details.index`) after all have been answered; `{ settle: true }` gives the outcome of each, as Promise.allSettled does.
   *
   *     const [songs, plays] = await strata.batch([
   *       typed<{ id: number }>(sql`select id from songs`),
   *       typed<{ n: number }>(sql`select count(*)::int as n from plays`),
   *     ])
   */
  readonly batch: RunBatch
  /**
   * Rows into a table, by INSERT or COPY, whichever is faster for so many; all or nothing, unless `{ each: true }`.
   * undefined in some rows and not in others is refused: say null, or leave the column out of all, for its default.
   *
   *     await strata.bulkInsert('plays', [{ song: 1, at: new Date() }, { song: 2, at: new Date() }])
   */
  bulkInsert<Row extends object = Record<string, unknown>>(
    table: string | readonly string[],
    rows: BulkRows,
    options?: BulkInsertOptions,
  ): Promise<BulkInsertAnswer<Row>>
  /**
   * What a stream holds, in a format of COPY, into a table; all or nothing.
   *
   *     await strata.copyIn(sql`copy plays (song, at) from stdin (format csv)`, createReadStream('plays.csv'))
   */
  copyIn(statement: Sql, source: CopySource): Promise<{ readonly count: number }>
  /**
   * A page of a statement's rows, found by the keys of the row before it.
   *
   *     const page = await strata.paginate(sql`select * from plays`, { by: ['at desc', 'id desc'], size: 20, after: cursor })
   */
  paginate<Row extends object = Record<string, unknown>>(
    statement: Sql | TypedSql<Row>,
    options: PaginateOptions,
  ): Promise<Page<Row>>
}

export interface QueryTools {
  readonly clock?: Clock
  readonly random?: Random
}

export function createQueryApi(pool: StrataPool, tools: QueryTools = {}): QueryApi {
  const { clock = systemClock, random = systemRandom } = tools
  const check = createStatementCheck()
  const tables = createTableReader()
  const { tx, inRun } = createTransactions({ pool, clock, random, check, tables })
  /** A source can be read once. */
  const inRunOnce = <T>(work: (run: TxRun) => Promise<T>): Promise<T> => inRun(work, { retries: 0 })
  return {
    query: async <Row extends object>(statement: Sql | TypedSql<Row>, options?: QueryOptions) => {
      await check(statement)
      return await sendQuery<Row>(pool, statement, options)
    },
    tx,
    batch: createBatch(pool, check),
    bulkInsert: (table, rows, options = {}) => bulkInsert({ pool, tables, inRun: inRunOnce }, { table, rows, options }),
    copyIn: (statement, source) => inRunOnce((run) => copyInto(run, 0, { statement, source })),
    paginate: createPaginate(pool, check),
  }
}
