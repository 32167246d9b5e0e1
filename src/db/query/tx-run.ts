// One attempt at a transaction: its connection, and what may still be sent on it.
// Invariants: while a savepoint is open only its own Tx sends; after the end nothing is sent. COMMIT of a transaction that the
// server had to roll back is an error here, with the statement's own error as its cause.

import type pg from 'pg'
import type { Clock } from '../../base/clock.ts'
import { StrataError } from '../../base/errors.ts'
import { isConnectionLost } from '../../sql/sqlstate.ts'
import type { Sql } from '../../sql/sql.ts'
import type { RoutedConfig } from '../pool/statement/call.ts'
import { cancelRunning } from '../pool/statement/cancel.ts'
import type { LazyClient } from '../pool/clients/lazy-client.ts'
import { forgetPrepared, isStalePrepared } from '../pool/statement/prepared.ts'
import { answerOf, type QueryAnswer } from './answer.ts'
import { isLostRace, toFailure } from './failure.ts'
import { configOf, type QueryOptions } from './send.ts'

export class TxRun {
  /** How many savepoints are open. */
  level = 0
  ended = false
  readonly #client: LazyClient
  readonly #clock: Clock
  #running = 0
  #cancelling: Promise<unknown> | undefined
  #failure: unknown
  #isBroken = false

  constructor(client: LazyClient, clock: Clock) {
    this.#client = client
    this.#clock = clock
  }

  async begin(config: RoutedConfig): Promise<void> {
    await this.send(config)
  }

  async query<Row extends object>(level: number, statement: Sql, options: QueryOptions): Promise<QueryAnswer<Row>> {
    this.check(level)
    try {
      return answerOf<Row>(await this.send(configOf(statement, options)))
    } catch (error) {
      const { bound } = this.#client
      // The transaction is over; its next attempt prepares anew.
      if (bound !== undefined && isStalePrepared(error)) forgetPrepared(bound)
      throw toFailure(error, statement.values)
    }
  }

  /** Sends a stream; `work` ends when the server has taken it in or refused it. */
  async stream<T>(level: number, submittable: pg.Submittable, work: () => Promise<T>): Promise<T> {
    this.check(level)
    return await this.#count(async () => {
      this.#client.query(submittable)
      return await work()
    })
  }

  async send(config: RoutedConfig | string): Promise<pg.QueryResult> {
    return await this.#count(() => this.#client.query(config) as Promise<pg.QueryResult>)
  }

  async savepoint<T>(level: number, work: (level: number) => Promise<T>): Promise<T> {
    this.check(level)
    const inner = level + 1
    const name = `pgstrata_${inner}`
    this.level = inner
    try {
      await this.send(`savepoint ${name}`)
      const value = await work(inner)
      this.check(inner)
      await this.send(`release savepoint ${name}`)
      return value
    } catch (error) {
      if (!this.ended) await this.#undo(name)
      throw error
    } finally {
      this.level = level
    }
  }

  /** Throws where a Tx of that level may not send now. */
  check(level: number): void {
    if (this.ended) throw misused('The transaction has ended')
    if (level < this.level) throw misused('A savepoint inside is still open, and only its own tx sends')
    if (level > this.level) throw misused('The savepoint has ended')
  }

  async commit(readOnly: boolean): Promise<void> {
    let result: pg.QueryResult
    try {
      result = await this.send('commit')
    } catch (error) {
      if (readOnly || !isConnectionLost(error)) throw error
      throw new StrataError('COMMIT_UNKNOWN', { message: 'The connection was lost during COMMIT', cause: error })
    }
    if (result.command !== 'ROLLBACK') return
    if (isLostRace(this.#failure)) throw this.#failure
    throw new StrataError('TRANSACTION_ABORTED', {
      message: 'A statement of the transaction had failed, so COMMIT rolled it back',
      cause: this.#failure,
    })
  }

  /** Ends what runs on the server now. */
  cancel(): void {
    this.ended = true
    const { bound } = this.#client
    if (this.#running > 0 && bound !== undefined) this.#cancelling = cancelRunning(bound, this.#clock)
  }

  async rollback(): Promise<void> {
    this.ended = true
    // It must not hit the ROLLBACK.
    await this.#cancelling
    if (this.#isBroken || this.#client.getTransactionStatus() === 'I') return
    try {
      await this.send('rollback')
    } catch {
      // The connection goes, and the transaction with it.
      this.#isBroken = true
    }
  }

  /** Lets the process turn to what else there is. */
  async pause(): Promise<void> {
    await this.#clock.sleep(0)
  }

  release(): void {
    this.#client.release(this.#isBroken ? true : undefined)
  }

  async #undo(name: string): Promise<void> {
    try {
      await this.send(`rollback to savepoint ${name}; release savepoint ${name}`)
      this.#failure = undefined
    } catch {
      // What went wrong first is what counts; COMMIT will show that this was not undone.
    }
  }

  async #count<T>(work: () => Promise<T>): Promise<T> {
    this.#running++
    try {
      return await work()
    } catch (error) {
      this.#failure ??= error
      if (isConnectionLost(error)) this.#isBroken = true
      throw error
    } finally {
      this.#running--
    }
  }
}

export function misused(message: string): StrataError {
  return new StrataError('TRANSACTION_MISUSED', { message })
}
