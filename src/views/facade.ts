// Views as one object: their part of the plan, how fresh they are, refreshing those that hold rows, and the job that does it when
// they are due. Holds no state; everything is read anew.

import type { Clock } from '../base/clock.ts'
import { StrataError } from '../base/errors.ts'
import type { Random } from '../base/random.ts'
import type { Db, Session } from '../db/db.ts'
import type { Job } from '../db/job.ts'
import {
  withWorkSession,
  type Awaited,
  type CarryReaders,
  type Contribution,
  type LadderOptions,
} from '../plan/index.ts'
import { carryReaders } from './carry.ts'
import { contributeViews } from './contribute.ts'
import type { NextTick } from './due.ts'
import { putInOrder, refreshJob } from './job.ts'
import type { MaterializedView, PlainView } from './options.ts'
import { readKept, requireApplied, requireKnown } from './queries.ts'
import { refreshInOrder, type ViewProgress, type ViewRefresh } from './refresh.ts'
import { readViewStatus, type ViewStatus } from './status.ts'
import { suggestRollup, type RollupSuggestion } from './suggest.ts'

export interface ViewsOptions {
  readonly db: Db
  readonly views: readonly MaterializedView[]
  readonly plain?: readonly PlainView[]
  /** Relations of others that are still to come, and why. */
  readonly awaited?: (session: Session) => Promise<readonly Awaited[]>
  readonly ladder: LadderOptions
  readonly nextTickMs: NextTick
  readonly clock: Clock
  readonly random: Random
}

export interface RefreshViewsOptions {
  /** These alone; neither names nor tags: all. */
  readonly names?: readonly string[] | undefined
  /** Those that have one of these. */
  readonly tags?: readonly string[] | undefined
  /** True: or not at all. False: readers wait. Otherwise where it can be. */
  readonly concurrently?: boolean | undefined
  readonly signal?: AbortSignal | undefined
  readonly onProgress?: ((progress: ViewProgress) => void) | undefined
}

export interface Views {
  /** The materialized ones that are declared. */
  readonly declared: readonly MaterializedView[]
  readonly declaredPlain: readonly PlainView[]
  contribute(session: Session): Promise<Contribution>
  /** For whoever has to make anew what plain views read. */
  readonly carryReaders: CarryReaders
  readonly jobs: readonly Job[]
  /** What has become of one, or of all of them. */
  status(name?: string): Promise<readonly ViewStatus[]>
  /** Refreshes them now, each behind what it reads: what became of each, in that order. One that fails does not reject. */
  refresh(options?: RefreshViewsOptions): Promise<readonly ViewRefresh[]>
  /** Whether a view, any there is, could be a rollup: its declaration, or why not. */
  suggest(name: string): Promise<RollupSuggestion>
}

export function createViews(options: ViewsOptions): Views {
  const { db, views, plain = [], awaited = () => Promise.resolve([]), ladder, nextTickMs, clock, random } = options
  return {
    declared: views,
    declaredPlain: plain,
    contribute: (session) => contributeViews(session, { views, plain, awaited }),
    carryReaders: (session, read, how) => carryReaders(session, { ...how, read, plain, others: views }),
    jobs: views.some(({ refresh }) => refresh !== undefined) ? [refreshJob({ views, ladder, nextTickMs })] : [],
    status: (name) => readViewStatus(db, { views, plain }, { nextTickMs, name }),
    suggest: (name) => suggestRollup(db, name),
    refresh: ({ names, tags, signal, ...how } = {}) =>
      withWorkSession({ db, signal }, async (session) => {
        const kept = await readKept(session)
        for (const name of names ?? []) {
          refusePlain(plain, name)
          requireKnown(views, kept, name)
          requireApplied(kept, name)
        }
        const isAll = names === undefined && tags === undefined
        const chosen = kept.filter(({ name }) => {
          const declared = views.find((view) => view.name === name)
          const isMeant = isAll || tags?.some((tag) => declared?.tags.includes(tag) === true) === true
          return names?.includes(name) === true || (isMeant && declared !== undefined)
        })
        const { upstream, inOrder } = await putInOrder(session, { views, kept, chosen })
        return await refreshInOrder(session, inOrder, { ...how, upstream, ladder, clock, random, signal })
      }),
  }
}

function refusePlain(plain: readonly PlainView[], name: string): void {
  if (!plain.some((view) => view.name === name)) return
  throw new StrataError('VIEW_UNKNOWN', {
    message: `View "${name}" is a plain one: it holds no rows, and there is nothing to refresh`,
    expected: 'a materialized view',
    advice: 'Leave it out. What it shows is as fresh as what it reads.',
  })
}
