// The job that merges: each rollup once a second while there is something to merge, less often while there is nothing or while a
// merge of it takes long. One run goes on for a minute, so that a merge does not cost a run of its own; fills what is not
// filled yet.
//
// What holds: one that fails is told and does not stop the others; a lost connection, a lost lease and the end of the time
// end the run. A merge is a transaction: whoever is killed has merged, or has not.

import { checkpoint } from '../../base/clock.ts'
import { messageOf } from '../../base/errors.ts'
import { plural } from '../../base/units.ts'
import type { Session } from '../../db/db.ts'
import type { Job, JobOutcome } from '../../db/job.ts'
import { withWorkSession } from '../../plan/index.ts'
import { isConnectionLost } from '../../sql/sqlstate.ts'
import { carryNobody } from '../kept/dependants.ts'
import { findMisfit } from '../declared/fits.ts'
import { forgetGone } from '../merge/forget.ts'
import { isOf, sourcesOf } from '../model/sources.ts'
import { mergeDue, openMerges, type Merges } from './merge-round.ts'
import type { Pace } from './pace.ts'
import { readInstalled, type InstalledRollup } from '../kept/queries.ts'
import { isSubscriber } from '../capture/replica-triggers.ts'
import { watchNew, type Watched } from '../capture/watch.ts'

const runMs = 60_000
const lockTimeoutMs = 5_000

export function mergeJob({
  rollups,
  carryReaders = carryNobody,
}: Pick<Merges, 'rollups'> & Partial<Pick<Merges, 'carryReaders'>>): Job {
  const paces = new Map<string, Pace>()
  return {
    name: 'merge',
    purpose: 'folds pending changes into rollups, and fills new ones',
    schedule: { everyMs: runMs },
    timeoutMs: 24 * 3_600_000,
    // The next run begins where one ends, whenever that is, and a service that is new finds what was written before merged.
    overlap: 'queue',
    atOnce: true,
    run: (context) =>
      withWorkSession(context, (session) => runMerges(session, { rollups, carryReaders, context, paces })),
  }
}

async function runMerges(
  session: Session,
  options: Pick<Merges, 'rollups' | 'carryReaders' | 'context' | 'paces'>,
): Promise<JobOutcome> {
  const { clock, signal } = options.context
  const endMs = clock.monotonic() + runMs
  const merges = await openMerges(session, options)
  const { total, warnings } = merges
  const watched = await watchAll(session, merges)
  await forgetAll(session, merges)
  for (;;) {
    const pauseMs = await mergeDue(session, merges)
    if (clock.monotonic() + pauseMs >= endMs) break
    await clock.sleep(pauseMs, signal)
  }
  const taken = watched === 0 ? [] : [`${plural(watched, 'new partition')} watched`]
  const filled = total.filled === 0 ? [] : [`${plural(total.filled, 'rollup')} filled`]
  const merged =
    total.merges === 0 ? [] : [`${plural(total.rows, 'change')} merged in ${plural(total.merges, 'merge')}`]
  return { did: [...taken, ...filled, ...merged].join(', '), details: { ...total }, warnings: [...warnings.values()] }
}

/** Once a run: each source of what is kept. */
async function watchAll(
  session: Session,
  { rollups, context, warnings }: Pick<Merges, 'rollups' | 'context' | 'warnings'>,
): Promise<number> {
  const installed = await readInstalled(session)
  const kept = installed.filter(({ name }) => rollups.some((rollup) => rollup.name === name))
  let watched = 0
  for (const source of sourcesOf(kept)) {
    checkpoint(context.signal)
    try {
      const all = installed.filter((one) => isOf(one, source))
      const found = await watchNew(session, source, { subscriber: isSubscriber(all.map((one) => one.declared)) })
      watched += found.taken.length
      for (const warning of warningsOf(found, all)) warnings.set(warning, warning)
      for (const { name, shape } of all) {
        const misfit = await findMisfit(session, shape)
        if (misfit !== undefined) warnings.set(`fit ${name}`, `rollup ${name}: ${misfit.why}; ${misfit.todo}`)
      }
    } catch (error) {
      checkpoint(context.signal)
      if (isConnectionLost(error)) throw error
      const name = `${source.schema}.${source.table}`
      warnings.set(name, `partitions of ${name} are not watched yet: ${messageOf(error)}`)
    }
  }
  return watched
}

function warningsOf({ withRows, left }: Watched, rollups: readonly InstalledRollup[]): readonly string[] {
  const names = rollups.map(({ name }) => name).join(', ')
  return [
    ...withRows.map(
      (name) =>
        `${name} had rows when it was taken up: if they came with it, or were written past its table, they are not counted; \`pgstrata rollup verify --fix\` finds them (${names})`,
    ),
    ...left.map((name) => `${name} is no part of its table any more: what is written to it is not counted (${names})`),
  ]
}

/** Once a run: partitions go once a day at most. */
async function forgetAll(
  session: Session,
  { rollups, context: { signal }, warnings }: Pick<Merges, 'rollups' | 'context' | 'warnings'>,
): Promise<void> {
  for (const { name, state, shape } of await readInstalled(session)) {
    checkpoint(signal)
    if (state !== 'live' || !rollups.some((rollup) => rollup.name === name)) continue
    try {
      await forgetGone(session, shape, { lockTimeoutMs })
    } catch (error) {
      checkpoint(signal)
      if (isConnectionLost(error)) throw error
      warnings.set(`forget ${name}`, `rollup ${name} could not forget what is gone: ${messageOf(error)}`)
    }
  }
}
