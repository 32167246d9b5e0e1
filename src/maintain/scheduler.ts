// Looks what is due and runs it, for as long as it is told to. Many processes may do so on one database.
//
// What it holds to: the server's clock alone decides what is due; a look that fails (no connection, a replica, a schema
// that is not installed yet) is followed by another, after waits that grow to half a minute, with jitter; nothing
// that happens to a job ends it, or keeps other jobs from being run. Who has waited longest is begun first. stop() begins no new run, signals those under way, and resolves when they have ended,
// which is within the grace and what it takes to write that down.
// Bounds: ten runs at a time; one look, two small queries, at least every five seconds.

import { isStrataError, messageOf, StrataError } from '../base/errors.ts'
import { jitter } from '../base/random.ts'
import type { Job } from '../db/job.ts'
import { errorCodeOf } from '../db/translate.ts'
import { nameConnections, terminateBackends } from './backends.ts'
import { beginRun, mostAttempts, type Beginning } from './begin.ts'
import { readBoard, registerJobs, resetAhead, wasStopped, type Board, type BoardRow } from './queries.ts'
import { executeRun, type RunReport, type RunTools } from './run.ts'
import { nextTickMs } from './schedule.ts'

/** More than there are jobs that take hours: those must not keep the others waiting. */
const mostRuns = 10
const longestPauseMs = 5_000
const longestWaitMs = 30_000
/** Daemons that wake for the same tick come a little apart. */
const jitterMs = 100

export interface SchedulerOptions extends RunTools {
  readonly jobs: readonly Job[]
  /** A new one for each run: a lease is never ours because another run of this process has it. */
  readonly nextHolder: () => string
  readonly onRun?: ((report: RunReport) => void) | undefined
  /** Each time that changes. */
  readonly onState?: ((state: SchedulerState) => void) | undefined
}

export type SchedulerState =
  | { readonly kind: 'working' }
  | { readonly kind: 'replica' }
  | { readonly kind: 'failing'; readonly error: unknown }

export interface Look {
  readonly begun: readonly { readonly job: Job; readonly running: Promise<RunReport> }[]
  readonly failure: { readonly error: unknown } | undefined
  readonly pauseMs: number
}

export class Scheduler {
  readonly #options: SchedulerOptions
  readonly #stopping = new AbortController()
  readonly #running = new Map<string, Promise<RunReport>>()
  readonly #next = new Map<string, { readonly countedUntilMs: number; readonly nextMs: number | undefined }>()
  #waking = new AbortController()
  #isRegistered = false
  #state: SchedulerState['kind'] | undefined
  #looping: Promise<void> | undefined

  constructor(options: SchedulerOptions) {
    this.#options = options
  }

  start(): void {
    this.#looping ??= this.#loop()
  }

  async stop(): Promise<void> {
    this.#stopping.abort()
    this.#waking.abort()
    await this.#looping
    await Promise.all(this.#running.values())
  }

  /** One look; gives back the runs it began, which are under way, and why others could not be begun. */
  async look(except: ReadonlySet<string> = new Set()): Promise<Look> {
    const { jobs } = this.#options
    const board = await this.#readBoard()
    this.#enter({ kind: board.isReplica ? 'replica' : 'working' })
    if (board.isReplica) return { begun: [], failure: undefined, pauseMs: longestPauseMs }
    const rows = new Map(board.jobs.map((row) => [row.name, row]))
    const due = jobs
      .flatMap((job) => {
        const row = except.has(job.name) ? undefined : rows.get(job.name)
        return row !== undefined && this.#isDue(job, row, board) ? [{ job, row }] : []
      })
      .toSorted((a, b) => a.row.countedUntilMs - b.row.countedUntilMs)
    const begun: { readonly job: Job; readonly running: Promise<RunReport> }[] = []
    let failure: { readonly error: unknown } | undefined
    for (const { job } of due) {
      if (this.#stopping.signal.aborted || this.#running.size >= mostRuns) break
      try {
        const run = await this.#begin(job, false)
        if (run !== undefined) begun.push({ job, running: run.running })
      } catch (error) {
        failure ??= { error }
        // The next one would wait for the same server.
        if (isStrataError(error) || errorCodeOf(error) !== undefined) break
      }
    }
    return { begun, failure, pauseMs: this.#pauseAfter(board, rows) }
  }

  /** What is due, each job once, until nothing of it is left. */
  async runDue(): Promise<readonly RunReport[]> {
    const seen = new Set<string>()
    const running = new Set<Promise<unknown>>()
    const reports: RunReport[] = []
    let failure: Look['failure']
    for (;;) {
      // Once something was run, a server that went away is for the next call to tell.
      const looked = await this.look(seen).catch((error: unknown) => {
        if (seen.size === 0) throw error
        return undefined
      })
      if (looked === undefined) break
      failure ??= looked.failure
      for (const each of looked.begun) {
        const told = each.running.then((report) => {
          running.delete(told)
          return reports.push(report)
        })
        running.add(told)
        seen.add(each.job.name)
      }
      if (running.size === 0) break
      await Promise.race(running)
    }
    await Promise.all(running)
    if (failure !== undefined) throw failure.error
    return reports
  }

  /** Runs a job now; undefined: somebody else has its lease. */
  async runNow(job: Job): Promise<RunReport | undefined> {
    await registerJobs(this.#options.control, [job])
    const run = await this.#begin(job, true)
    return await run?.running
  }

  async #readBoard(): Promise<Board> {
    const { control, jobs, logger } = this.#options
    const names = jobs.map((job) => job.name)
    let board = await readBoard(control, names)
    if (board.isReplica) return board
    if (!this.#isRegistered || board.jobs.length < jobs.length) {
      await registerJobs(control, jobs)
      this.#isRegistered = true
      board = await readBoard(control, names)
    }
    if (board.jobs.some((row) => row.isAhead)) {
      const reset = await resetAhead(control)
      logger.warn('The clock of the server was set back: jobs count from now on', { jobs: reset })
      board = await readBoard(control, names)
    }
    return board
  }

  #isDue(job: Job, row: BoardRow, board: Board): boolean {
    if (row.paused || row.isHeld || this.#running.has(job.name)) return false
    if (row.openTickMs !== null) return true
    const nextMs = this.#nextAfter(job, row.countedUntilMs)
    return nextMs !== undefined && nextMs <= board.nowMs
  }

  /** Kept from look to look: a cron expression takes half a millisecond, and there may be a thousand. */
  #nextAfter(job: Job, countedUntilMs: number): number | undefined {
    const known = this.#next.get(job.name)
    if (known?.countedUntilMs === countedUntilMs) return known.nextMs
    const nextMs = nextTickMs(job.schedule, countedUntilMs)
    this.#next.set(job.name, { countedUntilMs, nextMs })
    return nextMs
  }

  async #begin(job: Job, manual: boolean): Promise<{ readonly running: Promise<RunReport> } | undefined> {
    const { leaseMs, clock, random } = this.#options
    if (this.#stopping.signal.aborted) throw new StrataError('INTERRUPTED', { message: 'Jobs were stopped' })
    const holder = this.#options.nextHolder()
    const beginning = await beginRun(this.#options.control, { job, holder, leaseMs, manual, clock, random })
    if (beginning.kind === 'held') return undefined
    await this.#tellLost(job, beginning)
    if (beginning.kind !== 'begun') return undefined
    const running = executeRun(beginning.run, this.#options, this.#stopping.signal).then((report) => {
      this.#running.delete(job.name)
      this.#waking.abort()
      this.#tellRun(report)
      return report
    })
    this.#running.set(job.name, running)
    return { running }
  }

  async #tellLost(job: Job, beginning: Exclude<Beginning, { kind: 'held' }>): Promise<void> {
    const { control, logger } = this.#options
    for (const fence of beginning.lostFences) {
      logger.warn(`A run of job "${job.name}" was lost with its runner`, { fence })
      // What it left at work would be in the way of the next attempt.
      await terminateBackends(control, nameConnections(job.name, fence)).catch(() => undefined)
    }
    if (beginning.kind === 'nothing' && beginning.gaveUp)
      logger.warn(`A tick of job "${job.name}" was lost ${mostAttempts} times, and is given up`)
  }

  #tellRun(report: RunReport): void {
    const { logger, onRun } = this.#options
    const said = { attempt: report.attempt, durationMs: Math.round(report.durationMs) }
    if (report.state === 'done') logger.debug(`Job "${report.job}": ${report.did || 'nothing to do'}`, said)
    else if (report.failure === wasStopped)
      logger.info(`Job "${report.job}": ${wasStopped}, and the next goes on`, said)
    else logger.warn(`Job "${report.job}": ${report.failure ?? report.state}`, said)
    for (const warning of report.warnings) logger.warn(`Job "${report.job}": ${warning}`)
    try {
      onRun?.(report)
    } catch (error) {
      logger.warn('Who is told of runs failed', { error: messageOf(error) })
    }
  }

  #pauseAfter(board: Board, rows: ReadonlyMap<string, BoardRow>): number {
    const { jobs, leaseMs } = this.#options
    const mostMs = Math.min(longestPauseMs, leaseMs / 2)
    const waits = jobs.flatMap((job) => {
      const row = rows.get(job.name)
      if (row === undefined || row.paused) return []
      const knownMs = this.#nextAfter(job, row.countedUntilMs)
      const nextMs = knownMs !== undefined && knownMs <= board.nowMs ? nextTickMs(job.schedule, board.nowMs) : knownMs
      return nextMs === undefined ? [] : [nextMs - board.nowMs]
    })
    return Math.min(mostMs, ...waits)
  }

  async #loop(): Promise<void> {
    const { clock, random } = this.#options
    let failures = 0
    while (!this.#stopping.signal.aborted) {
      this.#waking = new AbortController()
      let pauseMs: number
      try {
        const looked = await this.look()
        if (looked.failure !== undefined) throw looked.failure.error
        pauseMs = looked.pauseMs + jitterMs * random()
        failures = 0
      } catch (error) {
        pauseMs = jitter(Math.min(longestWaitMs, 500 * 2 ** failures++), 0.5, random)
        this.#enter({ kind: 'failing', error })
      }
      if (this.#stopping.signal.aborted) return
      await clock.sleep(pauseMs, this.#waking.signal).catch(() => undefined)
    }
  }

  #enter(state: SchedulerState): void {
    if (state.kind === this.#state) return
    this.#state = state.kind
    const { logger, onState } = this.#options
    if (state.kind === 'failing') logger.warn(`Jobs wait for the database: ${messageOf(state.error)}`)
    if (state.kind === 'replica') logger.info('The server is a replica: jobs wait for its promotion')
    onState?.(state)
  }
}
