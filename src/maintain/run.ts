// Carries out a run that was begun: the job's function, under a lease that is kept, within its time.
//
// What it holds to: however a job behaves, it ends. When time is up, the lease is lost or the process stops, its signal
// fires and its statements are cancelled on the server, again each second; after the grace its connections are
// terminated and its Db is closed, so that a function that goes on all the same changes nothing.
// On failure: the row says why. A run that was stopped, or whose connection broke, counts as lost and is done again.

import type { Clock } from '../base/clock.ts'
import type { ErrorCode } from '../base/error-table.ts'
import { isStrataError, messageOf, StrataError } from '../base/errors.ts'
import type { Logger } from '../base/logger.ts'
import { jitter, type Random } from '../base/random.ts'
import { formatDuration } from '../base/units.ts'
import type { Db, Queryable } from '../db/db.ts'
import type { JobOutcome } from '../db/job.ts'
import { holdsLease } from '../db/lease.ts'
import { errorCodeOf } from '../db/translate.ts'
import { cancelBackends, nameConnections, terminateBackends } from './backends.ts'
import type { BegunRun } from './begin.ts'
import { finishRun } from './finish.ts'
import { keepLease } from './heartbeat.ts'
import { describeFailure, keepOutcome } from './outcome.ts'
import { limitSilence, noteProgress, wasStopped, type RunEnd } from './queries.ts'
import { refusable } from './refusable.ts'
import type { RunContext } from './run-context.ts'

export interface RunTools {
  /** For the scheduler's own statements, which must not wait for those of jobs. */
  readonly control: Db
  /** Connections for one run, under this name. */
  readonly open: (applicationName: string) => Db
  readonly leaseMs: number
  /** Between a signal and the end by force. */
  readonly graceMs: number
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
}

export interface RunReport {
  readonly job: string
  readonly tick: Date
  readonly attempt: number
  readonly manual: boolean
  readonly state: 'done' | 'failed' | 'lost'
  readonly did: string
  readonly warnings: readonly string[]
  readonly failure: string | null
  readonly durationMs: number
}

type Ending = 'timeout' | 'lease' | 'stop'

const cancelEveryMs = 1_000
const notOurs = 'its end could not be written down, or another had taken it over'

/** Never throws. `stopping`: the process ends. */
export async function executeRun(run: BegunRun, tools: RunTools, stopping: AbortSignal): Promise<RunReport> {
  const { clock } = tools
  const begunMs = clock.monotonic()
  const applicationName = nameConnections(run.job.name, run.lease.fence)
  const db = refusable(tools.open(applicationName))
  const ending = new AbortController()
  const settled = new AbortController()
  let reason: Ending | undefined
  const end = (why: Ending): void => {
    reason ??= why
    ending.abort()
  }
  const onStop = (): void => end('stop')
  if (stopping.aborted) onStop()
  stopping.addEventListener('abort', onStop, { once: true })
  const callOffTimeout = clock.after(run.job.timeoutMs, () => end('timeout'))
  const heartbeat = keepLease({ ...tools, lease: run.lease, askedMs: run.askedMs, onLost: () => end('lease') })
  try {
    const working = work(run, tools, db, ending.signal)
    const forced = endByForce({ ...tools, applicationName, reason: () => reason }, ending.signal, settled.signal)
    const result = await Promise.race([working, forced])
    settled.abort()
    const verdict = judge(result, reason, run)
    const isOurs = verdict.state === 'lost' && reason === 'lease' ? false : await record(run, verdict, tools, stopping)
    const known =
      isOurs || verdict.state === 'lost' ? verdict : { ...verdict, state: 'lost' as const, failure: notOurs }
    return report(run, known, clock.monotonic() - begunMs)
  } finally {
    settled.abort()
    callOffTimeout()
    stopping.removeEventListener('abort', onStop)
    heartbeat.stop()
    db.refuse()
    // A function that never ends never gives its connection back.
    db.close({ now: true }).catch(() => undefined)
  }
}

type Result = { readonly outcome: JobOutcome | void } | { readonly error: unknown } | 'abandoned'

async function work(run: BegunRun, tools: RunTools, db: Db, signal: AbortSignal): Promise<Result> {
  const confirm = async (tx: Queryable): Promise<void> => {
    // Where this process stands still from here on, the server frees the row when the lease is over anyway.
    await limitSilence(tx, tools.leaseMs)
    if (!signal.aborted && (await holdsLease(tx, run.lease))) return
    throw new StrataError('LEASE_LOST', { message: `Job "${run.job.name}" may not go on: its lease is over` })
  }
  const context: RunContext = {
    db,
    tick: new Date(run.tickMs),
    attempt: run.attempt,
    fence: run.lease.fence,
    signal,
    clock: tools.clock,
    random: tools.random,
    logger: tools.logger,
    progress: run.progress,
    confirm,
    advance: async (tx, progress) => {
      await confirm(tx)
      await noteProgress(tx, run.id, progress)
    },
  }
  try {
    return { outcome: await run.job.run(context) }
  } catch (error) {
    return { error }
  }
}

interface Force extends RunTools {
  readonly applicationName: string
  readonly reason: () => Ending | undefined
}

/** Resolves only where the job did not end by itself within the grace after its signal. */
async function endByForce(force: Force, ending: AbortSignal, settled: AbortSignal): Promise<Result> {
  const { clock, control, applicationName } = force
  await new Promise<void>((resolve) => {
    if (ending.aborted) resolve()
    ending.addEventListener('abort', () => resolve(), { once: true })
  })
  const untilMs = clock.monotonic() + force.graceMs
  // Who is only asked to stop may finish the batch at hand.
  if (force.reason() === 'stop') await clock.sleep(force.graceMs / 2, settled).catch(() => undefined)
  while (!settled.aborted && clock.monotonic() < untilMs) {
    // Where cancelling fails, the next one may not.
    await cancelBackends(control, applicationName).catch(() => undefined)
    await clock.sleep(Math.min(cancelEveryMs, force.graceMs), settled).catch(() => undefined)
  }
  if (!settled.aborted) await terminateBackends(control, applicationName).catch(() => undefined)
  return 'abandoned'
}

interface Verdict extends RunEnd {
  readonly warnings: readonly string[]
}

function judge(result: Result, reason: Ending | undefined, run: BegunRun): Verdict {
  if (result !== 'abandoned' && 'outcome' in result)
    return { state: 'done', failure: null, ...keepOutcome(result.outcome) }
  const failed = (state: 'failed' | 'lost', failure: string): Verdict => ({
    state,
    did: null,
    failure,
    details: null,
    warnings: [],
  })
  switch (reason) {
    case 'timeout':
      return failed('failed', `not done within ${formatDuration(run.job.timeoutMs)}`)
    case 'lease':
      return failed('lost', 'its lease was lost')
    case 'stop':
      return failed('lost', wasStopped)
    case undefined: {
      const error = result === 'abandoned' ? undefined : result.error
      return failed(isRunLost(error) ? 'lost' : 'failed', describeFailure(error))
    }
  }
}

const lostCodes: readonly ErrorCode[] = ['DATABASE_LOST', 'DATABASE_UNREACHABLE', 'LEASE_LOST']

/** Not by what the job did: another attempt may well succeed. */
function isRunLost(error: unknown): boolean {
  try {
    return lostCodes.some((code) => isStrataError(error, code)) || errorCodeOf(error) === 'DATABASE_LOST'
  } catch {
    // A value that fails on being looked at.
    return false
  }
}

/**
 * Tries until the lease would be over, when the process stops for a grace at the most: from then on the run counts as
 * lost, and another does it again.
 */
async function record(run: BegunRun, verdict: Verdict, tools: RunTools, stopping: AbortSignal): Promise<boolean> {
  const { control, clock, random, logger, leaseMs, graceMs } = tools
  const begunMs = clock.monotonic()
  for (let waitMs = 100; ; waitMs = Math.min(2 * waitMs, 2_000)) {
    try {
      return await finishRun(control, run, verdict, tools)
    } catch (error) {
      const mostMs = stopping.aborted ? Math.min(graceMs, leaseMs) : leaseMs
      if (clock.monotonic() + waitMs >= begunMs + mostMs) {
        logger.warn(`The end of a run of job "${run.job.name}" could not be written down`, { error: messageOf(error) })
        return false
      }
      await clock.sleep(jitter(waitMs, 0.5, random), stopping.aborted ? undefined : stopping).catch(() => undefined)
    }
  }
}

function report(run: BegunRun, verdict: Verdict, durationMs: number): RunReport {
  return {
    job: run.job.name,
    tick: new Date(run.tickMs),
    attempt: run.attempt,
    manual: run.manual,
    state: verdict.state,
    did: verdict.did ?? '',
    warnings: verdict.warnings,
    failure: verdict.failure,
    durationMs,
  }
}
