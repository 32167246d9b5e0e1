// One session that merges all rollups, each when it is due (pace.ts), the one that has waited longest first.
//
// What holds: one that fails is told, noted for who asks later, and tried again at growing intervals; the others keep their
// pace. One that is being filled leaves the others their turn after each range. A lost connection and a lost lease end it.

import { checkpoint } from '../../base/clock.ts'
import { isStrataError, messageOf } from '../../base/errors.ts'
import { formatDuration } from '../../base/units.ts'
import type { Session } from '../../db/db.ts'
import type { JobContext } from '../../db/job.ts'
import type { CarryReaders } from '../../plan/index.ts'
import { isConnectionLost } from '../../sql/sqlstate.ts'
import { fillRollup } from '../merge/fill.ts'
import { mergeAndNote } from '../merge/merge.ts'
import { adviceOnMerge } from './merge-advice.ts'
import { noteFailure, noteSeen, readMerging, type FailedMerge, type Merging } from './merging.ts'
import type { Rollup } from '../model/options.ts'
import {
  afterFailure,
  afterMerge,
  afterNothing,
  firstPace,
  longestIdlePauseMs,
  pauseAfter,
  shortestPauseMs,
  type Pace,
} from './pace.ts'
import { readInstalled, type InstalledRollup } from '../kept/queries.ts'
import { tidyDeltas } from '../merge/tidy.ts'

const lockTimeoutMs = 5_000
/** Where an old snapshot keeps a vacuum from gaining anything, it is not tried every second. */
const tidyEveryMs = 10_000
const longestError = 500

export interface Merges {
  readonly rollups: readonly Rollup[]
  /** Who keeps views that read them. */
  readonly carryReaders: CarryReaders
  readonly context: JobContext
  /** By name; they outlive the run. */
  readonly paces: Map<string, Pace>
  /** There is a place to note how it goes. */
  readonly isNoted: boolean
  /** Of this run, noted as seen to. */
  readonly seen: Set<string>
  readonly total: { rows: number; merges: number; filled: number }
  readonly warnings: Map<string, string>
  /** When the deltas of each were last tidied. */
  readonly tidiedMs: Map<string, number>
}

/** With what stood in the way when somebody last tried. */
export async function openMerges(
  session: Session,
  { rollups, carryReaders, context, paces }: Pick<Merges, 'rollups' | 'carryReaders' | 'context' | 'paces'>,
): Promise<Merges> {
  const noted = await readMerging(session)
  const merges: Merges = {
    rollups,
    carryReaders,
    context,
    paces,
    isNoted: noted !== undefined,
    seen: new Set(),
    total: { rows: 0, merges: 0, filled: 0 },
    warnings: new Map(),
    tidiedMs: new Map(),
  }
  for (const one of noted?.values() ?? []) takeUp(merges, one)
  return merges
}

function takeUp({ paces, warnings, context, rollups }: Merges, { name, failures, ...last }: Merging): void {
  if (failures === 0 || !rollups.some((rollup) => rollup.name === name)) return
  const waitMs = pauseAfter(failures) - (last.triedAgoMs ?? 0)
  if (!paces.has(name)) paces.set(name, firstPace(context.clock.monotonic() + Math.max(0, waitMs), failures))
  warnings.set(name, describeFailure(name, { failures, error: last.lastError ?? '', todo: last.todo ?? '' }))
}

/**
 * All that are due, and one that is to be filled; `filled`: those alone. How long nothing is due afterwards; rollups may have
 * come by then.
 */
export async function mergeDue(
  session: Session,
  merges: Merges,
  { filled = false }: { readonly filled?: boolean } = {},
): Promise<number> {
  const { rollups, context, paces } = merges
  const { clock, signal } = context
  const nowMs = clock.monotonic()
  const paceOf = (name: string): Pace => paces.get(name) ?? firstPace(nowMs)
  const installed = (await readInstalled(session)).filter((one) =>
    rollups.some(({ name }) => name === one.name || name === one.replaces),
  )
  const due = installed
    .filter(({ name }) => paceOf(name).dueMs <= nowMs)
    .toSorted((a, b) => paceOf(a.name).dueMs - paceOf(b.name).dueMs)
  // Last: what was read of the others may be old when it is filled.
  const filling = filled ? [] : due.filter(({ state }) => state !== 'live').slice(0, 1)
  for (const one of [...due.filter(({ state }) => state === 'live'), ...filling]) {
    checkpoint(signal)
    paces.set(one.name, await attempt(session, merges, { installed: one, pace: paceOf(one.name) }))
  }
  const nextMs = Math.min(...installed.map(({ name }) => paceOf(name).dueMs)) - clock.monotonic()
  return Math.min(longestIdlePauseMs, Math.max(shortestPauseMs, nextMs))
}

interface Turn {
  readonly installed: InstalledRollup
  readonly pace: Pace
}

async function attempt(session: Session, merges: Merges, { installed, pace }: Turn): Promise<Pace> {
  const { context, seen, warnings, isNoted } = merges
  const { clock, signal } = context
  const { name } = installed
  try {
    const next = await work(session, merges, { installed, pace })
    if (isNoted && (pace.failures > 0 || !seen.has(name))) await noteSeen(session, name)
    seen.add(name)
    warnings.delete(name)
    return next
  } catch (error) {
    checkpoint(signal)
    if (isConnectionLost(error) || isStrataError(error, 'LEASE_LOST')) throw error
    const next = afterFailure(pace, clock.monotonic())
    const told = { error: messageOf(error).slice(0, longestError), todo: adviceOnMerge(error) }
    warnings.set(name, describeFailure(name, { ...told, failures: next.failures }))
    if (isNoted) await keepNote(session, name, told)
    return next
  }
}

/** What cannot be noted is in the warnings of the run: not worth the other rollups. */
async function keepNote(session: Session, name: string, told: FailedMerge): Promise<void> {
  try {
    await noteFailure(session, name, told)
  } catch (error) {
    if (isConnectionLost(error)) throw error
  }
}

async function work(session: Session, merges: Merges, { installed, pace }: Turn): Promise<Pace> {
  const { context, carryReaders, total, tidiedMs } = merges
  const { clock, signal } = context
  const { name, shape } = installed
  if (installed.state !== 'live') {
    const between = async (): Promise<void> => void (await mergeDue(session, merges, { filled: true }))
    await fillRollup(session, shape, installed, { lockTimeoutMs, clock, signal, between, carryReaders })
    total.filled++
    return firstPace(clock.monotonic())
  }
  const begunMs = clock.monotonic()
  // Not confirmed under the lease, whose row a snapshot this old may not lock: two at once wait for each other, no more.
  const rows = await mergeAndNote(session, shape, { lockTimeoutMs, clock })
  const nowMs = clock.monotonic()
  total.rows += rows
  if (rows > 0) total.merges++
  const lastMs = tidiedMs.get(name) ?? -Infinity
  if (rows > 0 && nowMs - lastMs >= tidyEveryMs && (await tidyDeltas(session, shape))) tidiedMs.set(name, nowMs)
  // Windows move on without a change.
  const isBusy = rows > 0 || nowMs - begunMs > shortestPauseMs
  return isBusy ? afterMerge({ nowMs, tookMs: nowMs - begunMs }) : afterNothing(pace, nowMs)
}

function describeFailure(name: string, { failures, error, todo }: FailedMerge & { readonly failures: number }): string {
  const often =
    failures === 1 ? '' : ` (${failures} times in a row, tried again ${formatDuration(pauseAfter(failures))} later)`
  return `rollup ${name}: ${error}; ${todo}${often}`
}
