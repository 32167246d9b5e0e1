// Begins a run, or finds that there is none to begin: one transaction under the row of the lease.
//
// Invariants: the lease, the row of the run and the note that its tick is accounted for commit together, so a kill leaves
// all three or none; a tick has one row for each attempt, and a further attempt only where the one before was lost.
// On failure: nothing was begun. Where the answer to COMMIT was lost, the lease ends by itself and the run counts as lost.

import type { Clock } from '../base/clock.ts'
import type { Random } from '../base/random.ts'
import type { Db, Session } from '../db/db.ts'
import type { Job } from '../db/job.ts'
import { acquireLease, releaseLease, type Lease } from '../db/lease.ts'
import { transaction } from '../db/transaction.ts'
import { sqlstate, sqlstateOf } from '../sql/sqlstate.ts'
import {
  clearAheadLease,
  insertRun,
  leaseName,
  limitSilence,
  lockJob,
  markLost,
  readAttempts,
  updateJob,
  type JobState,
} from './queries.ts'
import { dueTickMs } from './schedule.ts'

/** Of one tick. A job that takes every runner down with it must not do so for ever. */
export const mostAttempts = 3

export interface BegunRun {
  readonly id: string
  readonly job: Job
  readonly lease: Lease
  readonly era: number
  readonly tickMs: number
  readonly attempt: number
  /** Attempts of the tick that count, this one included. */
  readonly spent: number
  readonly manual: boolean
  readonly progress: number
  readonly startedMs: number
  /** By our own clock: the lease cannot have been taken before. */
  readonly askedMs: number
}

export type Beginning =
  | { readonly kind: 'begun'; readonly run: BegunRun; readonly lostFences: readonly number[] }
  /** Somebody else has the lease. */
  | { readonly kind: 'held' }
  | { readonly kind: 'nothing'; readonly lostFences: readonly number[]; readonly gaveUp: boolean }

export interface BeginOptions {
  readonly job: Job
  /** Unique for this run. */
  readonly holder: string
  readonly leaseMs: number
  /** Now, whatever the schedule says, and though it is paused. A tick that was lost is taken before. */
  readonly manual: boolean
  readonly clock: Clock
  readonly random: Random
}

const lockTimeoutMs = 1_000
/** Of a client in the middle of such a transaction: it holds the rows of a lease and a job. */
export const longestSilenceMs = 5_000

export async function beginRun(control: Db, options: BeginOptions): Promise<Beginning> {
  const { clock, random } = options
  const askedMs = clock.monotonic()
  try {
    return await transaction(control, (tx) => begin(tx, options, askedMs), { lockTimeoutMs, clock, random })
  } catch (error) {
    // The holder is confirming its lease, or somebody else is taking it, at this moment.
    if (sqlstateOf(error) === sqlstate.lockNotAvailable) return { kind: 'held' }
    throw error
  }
}

async function begin(tx: Session, options: BeginOptions, askedMs: number): Promise<Beginning> {
  const { job, holder, leaseMs } = options
  await limitSilence(tx, longestSilenceMs)
  await clearAheadLease(tx, job.name)
  const lease = await acquireLease(tx, { name: leaseName(job.name), holder, durationMs: leaseMs })
  if (lease === undefined) return { kind: 'held' }
  const lostFences = await markLost(tx, job.name, lease.fence)
  const state = await lockJob(tx, job.name)
  const found = state === undefined ? { gaveUp: false } : await choose(tx, state, options)
  if (state === undefined || found.tick === undefined) {
    await releaseLease(tx, lease)
    return { kind: 'nothing', lostFences, gaveUp: found.gaveUp }
  }
  const { tick } = found
  const id = { job: job.name, era: state.era, tickMs: tick.tickMs }
  const { attempt, progress } = tick
  const made = { attempt, manual: tick.manual, holder, fence: lease.fence, work: workOf(job), progress }
  const inserted = await insertRun(tx, { ...id, ...made })
  if (!tick.manual) {
    const open = inserted === undefined ? null : tick.tickMs
    await updateJob(tx, job.name, { countedUntilMs: tick.tickMs, openTickMs: open })
  }
  if (inserted === undefined) {
    await releaseLease(tx, lease)
    return { kind: 'nothing', lostFences, gaveUp: found.gaveUp }
  }
  return { kind: 'begun', lostFences, run: { ...inserted, ...tick, job, lease, era: state.era, askedMs } }
}

const workOf = ({ work = '' }: Job): string => work

interface Tick {
  readonly tickMs: number
  readonly attempt: number
  readonly spent: number
  readonly progress: number
  readonly manual: boolean
}

async function choose(
  tx: Session,
  state: JobState & { readonly nowMs: number },
  { job, manual }: BeginOptions,
): Promise<{ readonly tick?: Tick; readonly gaveUp: boolean }> {
  if (state.paused && !manual) return { gaveUp: false }
  let gaveUp = false
  if (state.openTickMs !== null) {
    const id = { job: job.name, era: state.era, tickMs: state.openTickMs }
    const { last, spent, progress } = await readAttempts(tx, id, workOf(job))
    if (spent < mostAttempts)
      return { tick: { tickMs: id.tickMs, attempt: last + 1, spent: spent + 1, progress, manual: false }, gaveUp }
    gaveUp = true
    await updateJob(tx, job.name, { countedUntilMs: id.tickMs, openTickMs: null })
  }
  const first = { attempt: 1, spent: 1, progress: 0, manual }
  if (manual) return { tick: { tickMs: state.nowMs, ...first }, gaveUp }
  const tickMs = dueTickMs(job.schedule, state.countedUntilMs, state.nowMs)
  return tickMs === undefined ? { gaveUp } : { tick: { tickMs, ...first }, gaveUp }
}
