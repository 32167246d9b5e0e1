// Questions that somebody outside may ask as often as they like: each in a transaction of its own that only reads, under a limit of the
// server's. The limit is of the transaction, for PgBouncer refuses statement_timeout at the start of a connection.
//
// What must be true: a question that takes too long is ended on the server and not just given up here, so that it holds no connection.
// On failure: QUERY_TIMEOUT where the limit ended it, a lock was waited for longer than a second, or no connection was free within the
// limit; else what was thrown.
// Bounds: as many at once as the database has connections; 100 wait for one, and what comes then is refused.

import type { Clock } from '../base/clock.ts'
import { StrataError } from '../base/errors.ts'
import { formatDuration } from '../base/units.ts'
import { sqlstate, sqlstateOf } from '../sql/sqlstate.ts'
import type { Db, Queryable } from './db.ts'
import { transaction, type TransactionOptions } from './transaction.ts'

const lockTimeoutMs = 1_000
const mostWaiting = 100

export interface BoundedReadsOptions {
  readonly db: Db
  /** The connections of `db`. */
  readonly connections: number
  readonly limitMs: number
  readonly clock: Clock
}

export function boundedReads({ db, connections, limitMs, clock }: BoundedReadsOptions): Queryable {
  const options: TransactionOptions = {
    readOnly: true,
    lockTimeoutMs: Math.min(limitMs, lockTimeoutMs),
    settings: { statement_timeout: `${limitMs}ms` },
    waitsMs: [],
  }
  const places = new Places(connections, limitMs, clock)
  return {
    query: async (statement) => {
      await places.take()
      try {
        return await transaction(db, async (tx) => (await tx.query(statement)) as never, options)
      } catch (error) {
        throw inTime(error, limitMs)
      } finally {
        places.giveBack()
      }
    },
  }
}

function inTime(error: unknown, limitMs: number): unknown {
  const state = sqlstateOf(error)
  const isLocked = state === sqlstate.lockNotAvailable
  if (state !== sqlstate.queryCanceled && !isLocked) return error
  return late(
    isLocked ? 'a lock was in the way' : `it took longer than ${formatDuration(limitMs)}, or was cancelled`,
    error,
  )
}

function late(why: string, cause?: unknown): StrataError {
  return new StrataError('QUERY_TIMEOUT', { message: `The database did not answer in time: ${why}`, cause })
}

/** Who waits here for a connection is not told that the database is away. */
class Places {
  readonly #limitMs: number
  readonly #clock: Clock
  #free: number
  readonly #waiting = new Set<() => void>()

  constructor(count: number, limitMs: number, clock: Clock) {
    this.#free = count
    this.#limitMs = limitMs
    this.#clock = clock
  }

  async take(): Promise<void> {
    if (this.#free > 0) {
      this.#free--
      return
    }
    if (this.#waiting.size >= mostWaiting) throw late('too much is asked at once')
    await new Promise<void>((resolve, reject) => {
      const go = (): void => {
        callOff()
        resolve()
      }
      const callOff = this.#clock.after(this.#limitMs, () => {
        this.#waiting.delete(go)
        reject(late(`others were asking for longer than ${formatDuration(this.#limitMs)}`))
      })
      this.#waiting.add(go)
    })
  }

  giveBack(): void {
    const [next] = this.#waiting
    if (next === undefined) this.#free++
    else {
      this.#waiting.delete(next)
      next()
    }
  }
}
