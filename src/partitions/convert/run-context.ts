// What every step of a conversion works with: the session that holds its lock, the record as last committed, and the one way to
// change a table that others use.

import type { Clock } from '../../base/clock.ts'
import { StrataError } from '../../base/errors.ts'
import type { Random } from '../../base/random.ts'
import type { LogCursor } from '../../changes/capture/index.ts'
import type { Db, Session } from '../../db/db.ts'
import { climb, isRace, type BlockerWatch, type Ladder, type Pace } from '../../plan/index.ts'
import { sql } from '../../sql/sql.ts'
import type { ConversionParts } from './parts.ts'
import { readConversion, type ConversionRecord } from './record.ts'
import type { State } from './states.ts'

export type ConversionEvent =
  | { readonly type: 'state'; readonly state: State }
  /** Of every transaction; `committing`: all of it is done but its commit. */
  | { readonly type: 'transaction'; readonly state: State; readonly moment: 'committing' | 'committed' }
  | {
      readonly type: 'progress'
      readonly state: State
      readonly done: number
      readonly total: number | undefined
      readonly unit: 'rows' | 'pages' | 'statements'
      /** Since this runner began. */
      readonly rowsPerSecond: number | undefined
      readonly leftMs: number | undefined
      readonly note: string | undefined
    }
  | {
      readonly type: 'busy'
      readonly state: State
      readonly attempt: number
      readonly attempts: number
      readonly pauseMs: number
    }
  | { readonly type: 'statement'; readonly state: State; readonly text: string }
  | { readonly type: 'anew'; readonly why: 'truncated' | 'rewritten' }

export interface Limits {
  readonly rowsPerSecond: number | undefined
  readonly maxLagMs: number
  readonly maxLagBytes: number
  /** Other backends at work; undefined: however many. */
  readonly maxActive: number | undefined
}

export interface ConversionRun {
  readonly db: Db
  readonly session: Session
  readonly ladder: Ladder
  readonly blockers: BlockerWatch
  readonly clock: Clock
  readonly random: Random
  readonly signal: AbortSignal | undefined
  readonly parts: ConversionParts
  readonly limits: Limits
  readonly pace: Pace
  /** How much is done at once, by what it took the last time; `noteMs`: to carry over one note, 0 until it was measured. */
  readonly size: { pages: number; notes: number; noteMs: number }
  readonly log: LogCursor
  /** Where this runner began: for the rate. */
  readonly begun: { atMs: number; position: number }
  /** How often a swap found too much pending. */
  readonly behind: { times: number }
  /** Awaited: who listens can hold the work up, or end it. */
  readonly emit: (event: ConversionEvent) => Promise<void>
  /** As last committed. */
  record: ConversionRecord
}

export interface TransactionPlan {
  readonly isolation?: 'repeatable read'
  /** Before each try, outside of the transaction. */
  readonly before?: () => Promise<void>
  /** SQL that runs before the transaction has a snapshot: settings, and `lock table`. */
  readonly first?: readonly string[]
}

/**
 * One transaction, tried rung by rung: whoever holds a lock that it needs is waited for as long as the rung says, and
 * then everybody else goes first. After the last rung the error says who held it.
 */
export async function inTransaction<T>(
  run: ConversionRun,
  plan: TransactionPlan,
  work: (tx: Session, lockTimeoutMs: number) => Promise<T>,
): Promise<T> {
  const { session, record } = run
  let value: { readonly got: T } | undefined
  // Said, for a role may have another default: a snapshot older than the locks would not see what they waited for.
  const begin = `begin isolation level ${plan.isolation ?? 'read committed'}`
  const told: { busy: Promise<void> | undefined } = { busy: undefined }
  const attempt = async (lockTimeoutMs: number): Promise<void> => {
    await told.busy
    await plan.before?.()
    const first = [begin, `set local lock_timeout = '${lockTimeoutMs}ms'`, ...(plan.first ?? [])]
    await session.query(sql.raw(first.join('; ')))
    value = { got: await work(session, lockTimeoutMs) }
    await run.emit({ type: 'transaction', state: record.state, moment: 'committing' })
    await session.query(sql`commit`)
  }
  const onBusy = (_error: unknown, tries: { attempt: number; attempts: number; pauseMs: number }): void => {
    told.busy = run.emit({ type: 'busy', state: record.state, ...tries })
    // Whoever listens may fail during the pause: that ends the next try, and is no rejection that nobody looks at.
    told.busy.catch(() => undefined)
  }
  try {
    await climb({ ...run, onBusy }, attempt)
    await run.emit({ type: 'transaction', state: record.state, moment: 'committed' })
  } catch (error) {
    throw isRace(error) ? tooBusy(run, error) : error
  }
  if (value === undefined) throw new StrataError('INTERNAL', { message: 'A transaction ended without its value' })
  return value.got
}

function tooBusy(run: ConversionRun, cause: unknown): StrataError {
  const { names, state } = run.record
  return new StrataError('LOCK_TIMEOUT', {
    message: `${names.schema}.${names.table}: a lock was not to be had in ${run.ladder.rungs.length} tries (${state})`,
    notes: run.blockers.seen(),
    advice: 'Wait for the transaction in the way to end, or end it; then run `pgstrata convert <table> --resume`.',
    cause,
  })
}

export async function refresh(run: ConversionRun): Promise<ConversionRecord> {
  run.record = await readConversion(run.session, run.record.id)
  return run.record
}
