// Rollups as one object: their part of the plan, merging, filling, verifying, and the job that does it all the time. Holds no
// state; everything is read anew.

import type { Clock } from '../base/clock.ts'
import { StrataError } from '../base/errors.ts'
import type { Db, Queryable, Session } from '../db/db.ts'
import type { Job } from '../db/job.ts'
import { withWorkSession, type Awaited, type CarryReaders, type Contribution } from '../plan/index.ts'
import { readAwaited } from './awaited.ts'
import { carryNobody } from './kept/dependants.ts'
import { contributeRollups } from './plan/contribute.ts'
import { explainRollup, type RollupExplanation } from './explain.ts'
import { fillRollup, type FillProgress } from './merge/fill.ts'
import { readFloor } from './merge/floor.ts'
import { mergeJob } from './job/job.ts'
import { mergeAll, mergeOne, type MergedRollup } from './merge-now.ts'
import type { Rollup, Source } from './model/options.ts'
import { readInstalled, requireInstalled, type InstalledRollup } from './kept/queries.ts'
import { createReaders, type DeclaredRollups } from './readers.ts'
import type { ReadersOf } from './read/types.ts'
import type { Shape } from './model/shape.ts'
import { readRollupStatus, type RollupStatus } from './status.ts'
import { rebuildRollup, verifyRollup, type Verification } from './merge/verify.ts'

export interface RollupsOptions {
  readonly db: Db
  readonly rollups: readonly Rollup[]
  readonly clock: Clock
  /** Who keeps views that read rollups. */
  readonly carryReaders?: CarryReaders
}

interface WorkOptions {
  readonly signal?: AbortSignal | undefined
}

export interface MergeAllOptions extends WorkOptions {
  /** After each of them. */
  readonly onMerged?: ((merged: MergedRollup) => void) | undefined
}

export interface Rollups {
  /** What is declared. */
  readonly declared: readonly Rollup[]
  /** `later`: tables whose rollups wait for the next look. */
  contribute(session: Session, later?: readonly Source[]): Promise<Contribution>
  /** What can be read of those that are declared, and is not there yet. */
  awaited(session: Session): Promise<readonly Awaited[]>
  readonly jobs: readonly Job[]
  /** By name, to be read; by the type of the declaration, which is believed. */
  readers<Declared extends DeclaredRollups>(query: Queryable['query']): ReadersOf<Declared>
  /** What has become of one, or of all of them. */
  status(name?: string): Promise<readonly RollupStatus[]>
  /** Folds pending deltas in, now; how many there were. Without a name: of all that are filled, two at once. */
  merge(name: string, options?: WorkOptions): Promise<number>
  merge(options?: MergeAllOptions): Promise<readonly MergedRollup[]>
  /** Fills one that is not filled yet, or goes on with it. */
  fill(name: string, options?: WorkOptions & { readonly onProgress?: (progress: FillProgress) => void }): Promise<void>
  /** Builds it anew from its source, above its floor, range by range, while it is used. */
  rebuild(name: string, options?: WorkOptions & { readonly onProgress?: (share: number) => void }): Promise<void>
  /** How it is kept: each measure with its contract, tables, triggers and statements. */
  explain(name: string): Promise<RollupExplanation>
  /** Compares it with its source; `fix` builds anew what differs, above its floor. */
  verify(
    name: string,
    options?: WorkOptions & { readonly fix?: boolean; readonly onProgress?: (share: number) => void },
  ): Promise<Verification>
}

/** Longer than any merge of a second's deltas; a range of a filling takes two seconds. */
const lockTimeoutMs = 30_000

export function createRollups({ db, rollups, clock, carryReaders = carryNobody }: RollupsOptions): Rollups {
  const withShape = async <T>(
    name: string,
    signal: AbortSignal | undefined,
    work: (session: Session, shape: Shape, installed: InstalledRollup) => Promise<T>,
  ): Promise<T> =>
    await withWorkSession({ db, signal }, async (session) => {
      const installed = await requireInstalled(session, rollups, name)
      return await work(session, installed.shape, installed)
    })
  function merge(name: string, options?: WorkOptions): Promise<number>
  function merge(options?: MergeAllOptions): Promise<readonly MergedRollup[]>
  function merge(
    of: string | MergeAllOptions = {},
    options: WorkOptions = {},
  ): Promise<number | readonly MergedRollup[]> {
    const merging = { db, rollups, clock, lockTimeoutMs }
    return typeof of === 'string'
      ? mergeOne({ ...merging, signal: options.signal }, of)
      : mergeAll({ ...merging, signal: of.signal }, of.onMerged)
  }
  return {
    declared: rollups,
    contribute: (session, later = []) => contributeRollups(session, rollups, { carryReaders, later }),
    awaited: (session) => readAwaited(session, rollups),
    jobs: rollups.length === 0 ? [] : [mergeJob({ rollups, carryReaders })],
    readers: (query) => createReaders({ db, rollups, clock }, query),
    status: (name) => readRollupStatus(db, rollups, name),
    merge,
    fill: (name, { signal, onProgress } = {}) =>
      withShape(name, signal, async (session, shape, installed) => {
        const options = { lockTimeoutMs, clock, signal, onProgress, carryReaders }
        if (installed.state !== 'live') await fillRollup(session, shape, installed, options)
        // And the one that is to take its place.
        const next = (await readInstalled(session)).find(({ replaces }) => replaces === name)
        if (next !== undefined && next.state !== 'live') await fillRollup(session, next.shape, next, options)
      }),
    rebuild: (name, { signal, onProgress } = {}) =>
      withShape(name, signal, async (session, shape, { state }) => {
        requireLive(name, state)
        const floor = await readFloor(session, shape)
        await rebuildRollup(session, shape, { floor, lockTimeoutMs, clock, signal, onProgress })
      }),
    explain: async (name) => await explainRollup(db, await requireInstalled(db, rollups, name)),
    verify: (name, { signal, fix = false, onProgress } = {}) =>
      withShape(name, signal, async (session, shape, installed) => {
        requireLive(name, installed.state)
        const floor = await readFloor(session, shape)
        return await verifyRollup(session, shape, { fix, floor, lockTimeoutMs, clock, signal, onProgress })
      }),
  }
}

function requireLive(name: string, state: InstalledRollup['state']): void {
  if (state === 'live') return
  throw new StrataError('ROLLUP_STATE', { message: `Rollup "${name}" is not filled yet`, advice: 'Fill it first.' })
}
