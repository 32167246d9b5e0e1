// A transaction that is run again, whole, when the server says that it lost a race (40001, 40P01).
// Invariant: `work` takes effect once or not at all. A lost connection is never retried here: whether the
// commit went through is not known.

import { systemClock, type Clock } from '../base/clock.ts'
import { systemRandom, type Random } from '../base/random.ts'
import { retry } from '../base/retry.ts'
import { sql } from '../sql/sql.ts'
import { sqlstate, sqlstateOf } from '../sql/sqlstate.ts'
import { isDb, type Db, type Queryable, type Session } from './db.ts'

export interface TransactionOptions {
  readonly isolation?: 'read committed' | 'repeatable read' | 'serializable'
  readonly readOnly?: boolean
  /** For every statement of the transaction that waits for a lock. */
  readonly lockTimeoutMs?: number
  /** `set local`, by name. */
  readonly settings?: Readonly<Record<string, string>>
  /** Waits before the second, third, … attempt. */
  readonly waitsMs?: readonly number[]
  readonly clock?: Clock
  readonly random?: Random
  readonly signal?: AbortSignal
}

const lostRace: ReadonlySet<string> = new Set([sqlstate.serializationFailure, sqlstate.deadlockDetected])

export async function transaction<T>(
  on: Db | Session,
  work: (tx: Session) => Promise<T>,
  options: TransactionOptions = {},
): Promise<T> {
  const { waitsMs = [10, 30, 100, 300], clock = systemClock, random = systemRandom, signal } = options
  const retryable = (error: unknown): boolean => lostRace.has(sqlstateOf(error) ?? '')
  return await retry({ waitsMs, clock, random, retryable, signal }, async () =>
    isDb(on) ? await on.withSession((session) => attempt(session, work, options)) : await attempt(on, work, options),
  )
}

async function attempt<T>(
  session: Session,
  work: (tx: Session) => Promise<T>,
  options: TransactionOptions,
): Promise<T> {
  const modes = [
    options.isolation === undefined ? '' : ` isolation level ${options.isolation}`,
    options.readOnly === true ? ' read only' : '',
  ].join('')
  await session.query(sql.raw(`begin${modes}`))
  try {
    await setLocal(session, options)
    const value = await work(session)
    await session.query(sql`commit`)
    return value
  } catch (error) {
    await rollback(session)
    throw error
  }
}

/** The first error is the one that matters: one in rolling back (a connection already gone) is not told. */
export async function rollback(session: Queryable): Promise<void> {
  await session.query(sql`rollback`).catch(() => undefined)
}

/** For this transaction alone. */
async function setLocal(session: Queryable, { lockTimeoutMs, settings = {} }: TransactionOptions): Promise<void> {
  const locks = lockTimeoutMs === undefined ? {} : { lock_timeout: `${Math.round(lockTimeoutMs)}ms` }
  const each = Object.entries({ ...locks, ...settings })
  if (each.length === 0) return
  await session.query(sql`select ${sql.join(each.map(([name, value]) => sql`set_config(${name}, ${value}, true)`))}`)
}
