// The job that merges: once a second while there is something to merge, and less often while there is nothing. One run goes on
// for a minute, so that a merge does not cost a run of its own; fills what is not filled yet.
//
// What holds: one that fails is told and does not stop the others; a lost connection, a lost lease and the end of the time
// end the run. A merge is a transaction: whoever is killed has merged, or has not.

import { checkpoint } from '../base/clock.ts'
import { isStrataError, messageOf } from '../base/errors.ts'
import { plural } from '../base/units.ts'
import type { Session } from '../db/db.ts'
import type { Job, JobContext, JobOutcome } from '../db/job.ts'
import { withWorkSession } from '../plan/index.ts'
import { isConnectionLost } from '../sql/sqlstate.ts'
import { fillRollup } from './fill.ts'
import { forgetGone } from './forget.ts'
import { mergeAndNote } from './merge.ts'
import type { Rollup } from './options.ts'
import { readInstalled } from './queries.ts'
import { tidyDeltas } from './tidy.ts'
import { watchNew } from './watch.ts'

const runMs = 60_000
const shortestPauseMs = 1_000
const longestPauseMs = 5_000
const lockTimeoutMs = 5_000
/** Where an old snapshot keeps a vacuum from gaining anything, it is not tried every second. */
const tidyEveryMs = 10_000

export function mergeJob({ rollups }: { readonly rollups: readonly Rollup[] }): Job {
  return {
    name: 'merge',
    purpose: 'folds pending changes into rollups, and fills new ones',
    schedule: { everyMs: runMs },
    timeoutMs: 24 * 3_600_000,
    overlap: 'skip',
    run: (context) => withWorkSession(context, (session) => runMerges(session, rollups, context)),
  }
}

async function runMerges(session: Session, rollups: readonly Rollup[], context: JobContext): Promise<JobOutcome> {
  const { clock, signal } = context
  const endMs = clock.monotonic() + runMs
  const total = { rows: 0, merges: 0, filled: 0 }
  const warnings = new Map<string, string>()
  const tidiedMs = new Map<string, number>()
  const watched = await watchAll(session, { rollups, context, warnings })
  await forgetAll(session, { rollups, context, warnings })
  let pauseMs = shortestPauseMs
  for (;;) {
    const before = total.rows
    await round(session, { rollups, context, total, warnings, tidiedMs })
    // Idle, nobody waits for it: what is pending is read from the deltas anyway.
    pauseMs = total.rows > before ? shortestPauseMs : Math.min(longestPauseMs, pauseMs * 2)
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
  { rollups, context, warnings }: Pick<Round, 'rollups' | 'context' | 'warnings'>,
): Promise<number> {
  const kept = (await readInstalled(session)).filter(({ name }) => rollups.some((rollup) => rollup.name === name))
  const sources = new Map(kept.map(({ schema, table }) => [JSON.stringify([schema, table]), { schema, table }]))
  let watched = 0
  for (const source of sources.values()) {
    checkpoint(context.signal)
    try {
      watched += (await watchNew(session, source)).length
    } catch (error) {
      checkpoint(context.signal)
      if (isConnectionLost(error)) throw error
      const name = `${source.schema}.${source.table}`
      warnings.set(name, `partitions of ${name} are not watched yet: ${messageOf(error)}`)
    }
  }
  return watched
}

/** Once a run: partitions go once a day at most. */
async function forgetAll(
  session: Session,
  { rollups, context: { signal }, warnings }: Pick<Round, 'rollups' | 'context' | 'warnings'>,
): Promise<void> {
  for (const { name, state, shape } of await readInstalled(session)) {
    checkpoint(signal)
    if (state !== 'live' || !rollups.some((rollup) => rollup.name === name)) continue
    try {
      await forgetGone(session, shape, { lockTimeoutMs })
    } catch (error) {
      checkpoint(signal)
      if (isConnectionLost(error)) throw error
      warnings.set(name, `rollup ${name} could not forget what is gone: ${messageOf(error)}`)
    }
  }
}

interface Round {
  readonly rollups: readonly Rollup[]
  readonly context: JobContext
  readonly total: { rows: number; merges: number; filled: number }
  readonly warnings: Map<string, string>
  /** When the deltas of each were last tidied. */
  readonly tidiedMs: Map<string, number>
}

async function round(session: Session, { rollups, context, total, warnings, tidiedMs }: Round): Promise<void> {
  const { clock, signal } = context
  for (const installed of await readInstalled(session)) {
    checkpoint(signal)
    if (!rollups.some(({ name }) => name === installed.name || name === installed.replaces)) continue
    try {
      if (installed.state !== 'live') {
        await fillRollup(session, installed.shape, installed, { lockTimeoutMs, clock, signal })
        total.filled++
        continue
      }
      // Not confirmed under the lease, whose row a snapshot this old may not lock: two at once wait for each other, no more.
      const rows = await mergeAndNote(session, installed.shape, { lockTimeoutMs, clock })
      total.rows += rows
      const lastMs = tidiedMs.get(installed.name) ?? -Infinity
      if (rows > 0 && clock.monotonic() - lastMs >= tidyEveryMs && (await tidyDeltas(session, installed.shape))) {
        tidiedMs.set(installed.name, clock.monotonic())
      }
      if (rows > 0) total.merges++
      warnings.delete(installed.name)
    } catch (error) {
      checkpoint(signal)
      if (isConnectionLost(error) || isStrataError(error, 'LEASE_LOST')) throw error
      warnings.set(installed.name, `rollup ${installed.name}: ${messageOf(error)}`)
    }
  }
}
