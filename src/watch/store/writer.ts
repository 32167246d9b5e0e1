// Writes what was measured into our tables, every ten seconds, in one transaction of a few statements.
//
// What must be true: only who holds the lease writes, which the transaction itself makes sure of; where another one has it, what waits is
// forgotten, for that one measures now; where it ran out and nobody has it, rows wait until it is taken up again. While the database is away measuring goes on, and what waits is bounded: the oldest is dropped, and counted.
// On failure: nothing of the batch is written, and it is tried again ten seconds later; what the server refuses for a minute because of
// what it is (a partition that nobody made) is dropped, so that it does not keep out what comes after it.
// State: rows that wait, and the minute that is not over.

import type { Clock } from '../../base/clock.ts'
import type { Logger } from '../../base/logger.ts'
import type { Db, Queryable } from '../../db/db.ts'
import { holdsLease, isTakenOver, type Lease } from '../../db/lease.ts'
import { transaction } from '../../db/transaction.ts'
import { sqlstateOf } from '../../sql/sqlstate.ts'
import type { LatestReading } from '../model/latest.ts'
import type { QueryText } from '../model/rows.ts'
import type { Taken } from '../sampler/taken.ts'
import {
  boundQueries,
  deleteOldTexts,
  insertMetrics,
  insertSessions,
  insertStatements,
  upsertTexts,
} from './inserts.ts'
import type { SessionEntry, StatementEntry } from './inserts.ts'
import { createMinutes, minuteMs, type MetricRow, type Minutes } from './minutes.ts'
import { deleteOldNow, upsertNow } from './now.ts'

export interface WriterOptions {
  readonly db: Db
  /** Undefined: nobody has it, or another one. */
  readonly lease: () => Lease | undefined
  readonly clock: Clock
  readonly logger: Logger
  /** Probes whose points stand in the tables already. */
  readonly except?: ReadonlySet<string>
  /** How long texts are kept that nobody sends any more. */
  readonly keptMs: number
  /** Rows of each kind that may wait. */
  readonly mostWaiting?: number
}

const everyMs = 10_000
const lockTimeoutMs = 5_000
/** An hour of a server with all that it may have. */
const mostWaitingRows = 50_000
const mostTexts = 1_000
const tidyEveryMs = 600_000
const mostRefusals = 6

export class StoreWriter {
  readonly #options: WriterOptions
  readonly #minutes: Minutes = createMinutes()
  readonly #metrics: MetricRow[] = []
  readonly #statements: StatementEntry[] = []
  readonly #sessions: SessionEntry[] = []
  readonly #texts = new Map<string, QueryText>()
  /** By node and probe, since they were written last. */
  readonly #now = new Map<string, Taken>()
  readonly #stopping = new AbortController()
  #dropped = 0
  #tidiedAtMs = Number.NEGATIVE_INFINITY
  #failures = 0
  #running: Promise<void> | undefined
  #flushing: Promise<number> = Promise.resolve(0)

  constructor(options: WriterOptions) {
    this.#options = options
  }

  /** Rows that were given up, since it was made. */
  get dropped(): number {
    return this.#dropped
  }

  get waiting(): number {
    return this.#metrics.length + this.#statements.length + this.#sessions.length
  }

  take(taken: Taken): void {
    const { except, clock } = this.#options
    const { state, reading } = taken
    this.#now.set(`${state.node} ${state.probe}`, taken)
    if (reading === undefined) return
    if (except?.has(state.probe) !== true) this.#minutes.add(taken)
    const minute = Math.floor(clock.now() / minuteMs) * minuteMs
    const { node } = state
    const { statements = [], sessions = [], texts = [] } = reading
    this.#push(
      this.#statements,
      statements.map((row) => ({ atMs: minute, node, ...row })),
    )
    // They are told when their minute is over.
    this.#push(
      this.#sessions,
      sessions.map((row) => ({ atMs: minute - minuteMs, node, ...row })),
    )
    for (const text of texts) if (this.#texts.size < mostTexts) this.#texts.set(text.queryid, text)
  }

  start(): void {
    this.#running ??= this.#run()
  }

  /** Writes what there is, the minute that is not over too. */
  async stop(): Promise<void> {
    this.#stopping.abort()
    await this.#running
    await this.flush('all').catch(() => undefined)
  }

  /** How many rows were written. One at a time. */
  async flush(which: 'over' | 'all' = 'over'): Promise<number> {
    const flushing = this.#flushing.then(
      () => this.#flush(which),
      () => this.#flush(which),
    )
    this.#flushing = flushing
    return await flushing
  }

  async #flush(which: 'over' | 'all'): Promise<number> {
    const { db, clock, lease } = this.#options
    this.#push(this.#metrics, this.#minutes.close(clock.now(), which))
    const [metrics, statements, sessions] = [[...this.#metrics], [...this.#statements], [...this.#sessions]]
    const texts = [...this.#texts.values()]
    const now = [...this.#now.values()]
    if (metrics.length + statements.length + sessions.length + texts.length + now.length === 0) return 0
    const ours = lease()
    const outcome =
      ours === undefined ? 'lost' : await this.#write(db, ours, { metrics, statements, sessions, texts, now })
    if (outcome === 'waits') return 0
    // What came meanwhile stands behind these.
    remove(this.#metrics, metrics)
    remove(this.#statements, statements)
    remove(this.#sessions, sessions)
    for (const { queryid } of texts) this.#texts.delete(queryid)
    for (const [key, taken] of this.#now) if (now.includes(taken)) this.#now.delete(key)
    const rows = metrics.length + statements.length + sessions.length
    if (outcome === 'lost') this.#dropped += rows
    return outcome === 'written' ? rows : 0
  }

  async #write(db: Db, lease: Lease, batch: Batch): Promise<'written' | 'waits' | 'lost'> {
    const { clock, keptMs } = this.#options
    const nowMs = clock.monotonic()
    const isTidy = nowMs - this.#tidiedAtMs < tidyEveryMs
    const outcome = await transaction(
      db,
      async (tx) => {
        if (!(await holdsLease(tx, lease))) return (await isTakenOver(tx, lease)) ? 'lost' : 'waits'
        await writeBatch(tx, batch, clock.now())
        if (isTidy) return 'written'
        for (const statement of [...deleteOldTexts(keptMs), deleteOldNow()]) await tx.query(statement)
        return 'written'
      },
      { lockTimeoutMs },
    )
    if (outcome === 'written' && !isTidy) this.#tidiedAtMs = nowMs
    return outcome
  }

  #push<Row>(rows: Row[], more: readonly Row[]): void {
    rows.push(...more)
    const tooMany = rows.length - (this.#options.mostWaiting ?? mostWaitingRows)
    if (tooMany <= 0) return
    rows.splice(0, tooMany)
    this.#dropped += tooMany
  }

  #dropAll(): void {
    this.#dropped += this.waiting
    for (const rows of [this.#metrics, this.#statements, this.#sessions]) rows.length = 0
    this.#now.clear()
    this.#failures = 0
  }

  async #run(): Promise<void> {
    const { clock, logger } = this.#options
    const { signal } = this.#stopping
    while (!signal.aborted) {
      await clock.sleep(everyMs, signal).catch(() => undefined)
      if (signal.aborted) return
      try {
        await this.flush()
        this.#failures = 0
      } catch (error) {
        const state = sqlstateOf(error)
        this.#failures++
        if (this.#failures >= mostRefusals && state !== undefined && /^2[23]/.test(state)) this.#dropAll()
        if (this.#failures > 1) continue
        const why = state === undefined ? 'the database is away' : `SQLSTATE ${state}`
        logger.warn(`What is measured cannot be stored (${why}); it waits in memory`)
      }
    }
  }
}

interface Batch {
  readonly metrics: readonly MetricRow[]
  readonly statements: readonly StatementEntry[]
  readonly sessions: readonly SessionEntry[]
  readonly texts: readonly QueryText[]
  readonly now: readonly LatestReading[]
}

async function writeBatch(tx: Queryable, batch: Batch, nowMs: number): Promise<void> {
  const { metrics, statements, sessions, texts, now } = batch
  if (metrics.length > 0) await tx.query(insertMetrics(metrics))
  if (statements.length > 0) await tx.query(insertStatements(statements))
  if (sessions.length > 0) await tx.query(insertSessions(sessions))
  if (texts.length > 0) {
    await tx.query(upsertTexts(texts))
    await tx.query(boundQueries)
  }
  if (now.length > 0) await tx.query(upsertNow(now, nowMs))
}

/** Some of the oldest may have been dropped meanwhile. */
function remove<Row>(rows: Row[], written: readonly Row[]): void {
  const gone = new Set(written)
  const first = rows.findIndex((row) => !gone.has(row))
  rows.splice(0, first < 0 ? rows.length : first)
}
