// Writes down what became of a run, and gives the lease back: one transaction.
//
// Invariant: only the runner whose fence the row carries ends it. Where another took it for lost meanwhile, nothing is
// written, and what it says happens.

import type { Clock } from '../base/clock.ts'
import type { Random } from '../base/random.ts'
import type { Db, Session } from '../db/db.ts'
import { releaseLease } from '../db/lease.ts'
import { transaction } from '../db/transaction.ts'
import { longestSilenceMs, mostAttempts, type BegunRun } from './begin.ts'
import { endRun, insertSkipped, isEnded, limitSilence, lockJob, updateJob, wasStopped, type RunEnd } from './queries.ts'
import { dueTickMs } from './schedule.ts'

export async function finishRun(
  control: Db,
  run: BegunRun,
  end: RunEnd,
  tools: { readonly clock: Clock; readonly random: Random },
): Promise<boolean> {
  return await transaction(control, (tx) => finish(tx, run, end), { lockTimeoutMs: 5_000, ...tools })
}

async function finish(tx: Session, run: BegunRun, end: RunEnd): Promise<boolean> {
  await limitSilence(tx, longestSilenceMs)
  if (!(await endRun(tx, run.id, run.lease.fence, end))) return await isEnded(tx, run.id, end.state)
  const isAgain = end.state === 'lost' && (end.failure === wasStopped || run.spent < mostAttempts)
  if (!run.manual) await settle(tx, run, !isAgain)
  await releaseLease(tx, run.lease)
  return true
}

async function settle(tx: Session, run: BegunRun, isSettled: boolean): Promise<void> {
  const state = await lockJob(tx, run.job.name)
  if (state === undefined || state.era !== run.era) return
  if (!isSettled) return
  const skipped = findSkipped(run, state)
  if (skipped !== undefined) {
    const { name: job } = run.job
    await insertSkipped(tx, {
      job,
      era: run.era,
      tickMs: skipped,
      holder: run.lease.holder,
      fence: run.lease.fence,
    })
  }
  await updateJob(tx, run.job.name, { countedUntilMs: skipped ?? run.tickMs, openTickMs: null })
}

/** The newest tick that came while it ran, unless one was missed before: that one is run. */
function findSkipped(run: BegunRun, state: { countedUntilMs: number; nowMs: number }): number | undefined {
  const { schedule, overlap } = run.job
  if (overlap === 'queue') return undefined
  if (dueTickMs(schedule, state.countedUntilMs, run.startedMs) !== undefined) return undefined
  return dueTickMs(schedule, Math.max(state.countedUntilMs, run.startedMs), state.nowMs)
}
