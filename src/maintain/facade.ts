// Jobs as one object: what a program, and the command, can ask. Nothing connects before it is asked to.

import { randomUUID } from 'node:crypto'
import { systemClock, type Clock } from '../base/clock.ts'
import { isStrataError, StrataError } from '../base/errors.ts'
import { silentLogger, type Logger } from '../base/logger.ts'
import { systemRandom, type Random } from '../base/random.ts'
import { newestVersion, pendingVersions, readInstalledVersion } from '../catalog/install.ts'
import type { Db, Queryable } from '../db/db.ts'
import type { Job } from '../db/job.ts'
import { isConnectionLost } from '../sql/sqlstate.ts'
import { readBoard, registerJobs, setPaused } from './queries.ts'
import { readHistory, readLastRuns, readOutcomes, type RunRow } from './run-queries.ts'
import type { RunReport } from './run.ts'
import { describeSchedule, nextTickMs } from './schedule.ts'
import { Scheduler, type SchedulerState } from './scheduler.ts'

export interface JobsTools {
  /** Makes connections that go by this application_name: one Db for the scheduler, whose statements are short, and one for each run. */
  readonly open: (applicationName: string, limits?: { readonly answerTimeoutMs: number }) => Db
  readonly jobs: readonly Job[]
  /** How long a runner may be silent before another takes over. */
  readonly leaseMs: number
  /** How long a run may take to end once it was told to. Default 10 s. */
  readonly graceMs?: number
  /** How long an answer to the scheduler's own statements may take, before it makes another connection. Default 10 s. */
  readonly answerTimeoutMs?: number
  readonly clock?: Clock
  readonly random?: Random
  readonly logger?: Logger
}

export interface JobStatus {
  readonly name: string
  readonly purpose: string
  /** 'every 5 minutes', '0 3 * * * (UTC)' */
  readonly schedule: string
  /** 'lost': its runner is gone, and it waits for another. */
  readonly state: 'waiting' | 'running' | 'lost' | 'paused'
  readonly next: Date | undefined
  readonly last: JobRun | undefined
  /** Milliseconds, of the last run that ended. */
  readonly tookMs: number | undefined
  /** How many runs have failed since one was done. */
  readonly failures: number
}

export interface JobRun {
  readonly job: string
  readonly tick: Date
  readonly attempt: number
  /** Somebody asked for it; no schedule did. */
  readonly manual: boolean
  readonly state: RunRow['state']
  readonly holder: string
  readonly started: Date
  readonly finished: Date | undefined
  readonly did: string
  readonly failure: string | undefined
  readonly details: Readonly<Record<string, unknown>>
}

export interface StartOptions {
  readonly onRun?: ((report: RunReport) => void) | undefined
  readonly onState?: ((state: SchedulerState) => void) | undefined
}

export interface Jobs {
  /** What there is, as configured; the database is not asked. */
  readonly declared: readonly { readonly name: string; readonly schedule: string; readonly purpose: string }[]
  list(): Promise<readonly JobStatus[]>
  /** Newest first. Default 50. */
  history(name?: string, options?: { readonly limit?: number }): Promise<readonly JobRun[]>
  /** In this process, under the lease, whatever the schedule says; a paused job too. JOB_BUSY where it runs already. */
  runNow(name: string): Promise<RunReport>
  /** Runs what is due and resolves when it is done: for those who have a scheduler of their own. */
  runDue(): Promise<readonly RunReport[]>
  pause(name: string): Promise<void>
  resume(name: string): Promise<void>
  /** Runs jobs as they come due until stop(). A server that cannot be reached is waited for. */
  start(options?: StartOptions): Promise<void>
  /** No further run; those under way get their signal and a grace. Idempotent. */
  stop(): Promise<void>
  /** stop(), and the connections. */
  close(): Promise<void>
}

export function createJobs(tools: JobsTools): Jobs {
  const { clock = systemClock, random = systemRandom, logger = silentLogger, graceMs = 10_000, jobs } = tools
  let control: Db | undefined
  const { answerTimeoutMs = 10_000 } = tools
  const connect = (): Db => (control ??= tools.open('pgstrata jobs', { answerTimeoutMs }))
  const instance = randomUUID()
  let runs = 0
  const nextHolder = (): string => `${instance}/${++runs}`
  let scheduler: Scheduler | undefined
  /** Of what is run without start(). */
  const others = new Map<Scheduler, Promise<unknown>>()
  const createScheduler = (options: StartOptions = {}): Scheduler =>
    new Scheduler({ ...tools, control: connect(), graceMs, clock, random, logger, nextHolder, ...options })
  const pause = async (name: string, paused: boolean): Promise<void> => {
    const job = findJob(jobs, name)
    await requireInstalled(connect())
    await registerJobs(connect(), [job])
    await setPaused(connect(), name, paused)
  }
  const stop = async (): Promise<void> => {
    const all = [...others.keys(), ...(scheduler === undefined ? [] : [scheduler])]
    await Promise.all(all.map((each) => each.stop()))
    await Promise.allSettled(others.values())
    scheduler = undefined
  }
  const aside = async <T>(work: (each: Scheduler) => Promise<T>): Promise<T> => {
    const each = createScheduler()
    const working = requireInstalled(connect()).then(() => work(each))
    others.set(each, working)
    try {
      return await working
    } finally {
      others.delete(each)
    }
  }
  return {
    declared: jobs.map((job) => ({ ...describeJob(job), purpose: job.purpose })),
    list: async () => await listJobs(connect(), jobs),
    history: async (name, { limit = 50 } = {}) => {
      if (name !== undefined) findJob(jobs, name)
      await requireInstalled(connect())
      return (await readHistory(connect(), name, limit)).map(toJobRun)
    },
    runNow: async (name) => {
      const job = findJob(jobs, name)
      const report = await aside((each) => each.runNow(job))
      if (report !== undefined) return report
      throw new StrataError('JOB_BUSY', { message: `Job "${name}" is running already` })
    },
    runDue: async () => await aside((each) => each.runDue()),
    pause: (name) => pause(name, true),
    resume: (name) => pause(name, false),
    start: async (options) => {
      if (scheduler !== undefined) throw new StrataError('USAGE', { message: 'Jobs were started before' })
      const starting = (scheduler = createScheduler(options))
      try {
        await requireInstalled(connect())
      } catch (error) {
        if (!isAway(error)) scheduler = undefined
        if (scheduler === undefined) throw error
      }
      starting.start()
    },
    stop,
    close: async () => {
      await stop()
      await control?.close({ now: true })
    },
  }
}

function findJob(jobs: readonly Job[], name: string): Job {
  const job = jobs.find((each) => each.name === name)
  if (job !== undefined) return job
  throw new StrataError('JOB_UNKNOWN', {
    message: `There is no job ${JSON.stringify(name)}`,
    expected: jobs.map((each) => each.name).join(', ') || 'none: there are no jobs',
  })
}

function isAway(error: unknown): boolean {
  return (
    isStrataError(error, 'DATABASE_UNREACHABLE') || isStrataError(error, 'DATABASE_LOST') || isConnectionLost(error)
  )
}

/** SCHEMA_OLDER, SCHEMA_NEWER. */
async function requireInstalled(on: Queryable): Promise<void> {
  const installed = await readInstalledVersion(on)
  if (pendingVersions(installed).length === 0) return
  throw new StrataError('SCHEMA_OLDER', {
    message: 'Jobs need schema "pgstrata" in this database',
    expected: `version ${newestVersion}`,
    got: installed === 0 ? 'none' : `version ${installed}`,
  })
}

function describeJob({ name, schedule }: Job): { readonly name: string; readonly schedule: string } {
  return { name, schedule: describeSchedule(schedule) }
}

async function listJobs(on: Db, jobs: readonly Job[]): Promise<readonly JobStatus[]> {
  await requireInstalled(on)
  const names = jobs.map((job) => job.name)
  const board = await readBoard(on, names)
  const lastRuns = await readLastRuns(on, names)
  const outcomes = new Map((await readOutcomes(on, names)).map((one) => [one.job, one]))
  return jobs.map((job) => {
    const row = board.jobs.find(({ name }) => name === job.name)
    const last = lastRuns.find((run) => run.job === job.name)
    const fromMs = Math.max(row?.countedUntilMs ?? board.nowMs, board.nowMs)
    const nextMs = row?.paused === true ? undefined : nextTickMs(job.schedule, fromMs)
    const isOpen = row?.openTickMs != null || last?.state === 'running'
    return {
      ...describeJob(job),
      purpose: job.purpose,
      state: row?.isHeld === true ? 'running' : row?.paused === true ? 'paused' : isOpen ? 'lost' : 'waiting',
      next: nextMs === undefined ? undefined : new Date(nextMs),
      last: last === undefined ? undefined : toJobRun(last),
      tookMs: outcomes.get(job.name)?.tookMs ?? undefined,
      failures: outcomes.get(job.name)?.failures ?? 0,
    }
  })
}

function toJobRun(row: RunRow): JobRun {
  return {
    job: row.job,
    tick: new Date(row.tickMs),
    attempt: row.attempt,
    manual: row.manual,
    state: row.state,
    holder: row.holder,
    started: new Date(row.startedMs),
    finished: row.finishedMs === null ? undefined : new Date(row.finishedMs),
    did: row.did ?? '',
    failure: row.failure ?? undefined,
    details: row.details ?? {},
  }
}
