// The job that refreshes what is due, the longest due first as far as what reads what allows.
//
// What holds: a run begins no refresh after ten minutes, and leaves the rest to the next; one that fails is told and does not
// stop the others; a lost connection, a lost lease and the end of the time end the run. A refresh is a transaction: one that
// was killed has not happened, and the view is still due.

import { plural } from '../base/units.ts'
import type { Session } from '../db/db.ts'
import type { Job, JobContext, JobOutcome } from '../db/job.ts'
import { withWorkSession, type LadderOptions } from '../plan/index.ts'
import { dueSinceMs, type NextTick } from './due.ts'
import type { MaterializedView } from './options.ts'
import { joinUpstream, orderViews, type Upstream } from './order.ts'
import { readDependencies, readKept, type KeptView } from './queries.ts'
import { refreshInOrder } from './refresh.ts'

export interface RefreshJobOptions {
  readonly views: readonly MaterializedView[]
  readonly ladder: LadderOptions
  readonly nextTickMs: NextTick
}

const everyMs = 15_000
const longestRunMs = 10 * 60_000

export function refreshJob(options: RefreshJobOptions): Job {
  return {
    name: 'refresh',
    purpose: 'refreshes materialized views that are due',
    schedule: { everyMs },
    timeoutMs: 6 * 3_600_000,
    overlap: 'skip',
    run: (context) => withWorkSession(context, (session) => refreshDue(session, context, options)),
  }
}

async function refreshDue(session: Session, context: JobContext, options: RefreshJobOptions): Promise<JobOutcome> {
  const { clock, tick } = context
  const kept = await readKept(session)
  const due = options.views.flatMap((view) => {
    const one = kept.find(({ name }) => name === view.name)
    const sinceMs = one === undefined ? undefined : dueSinceMs(view, one, tick.getTime(), options.nextTickMs)
    return one === undefined || sinceMs === undefined ? [] : [{ one, sinceMs }]
  })
  if (due.length === 0) return { did: '' }
  const ageOf = ({ one }: (typeof due)[number]): number => one.lastRefreshed?.getTime() ?? 0
  const longestDue = due.toSorted((a, b) => a.sinceMs - b.sinceMs || ageOf(a) - ageOf(b)).map(({ one }) => one)
  const { upstream, inOrder } = await putInOrder(session, { views: options.views, kept, chosen: longestDue })
  const endMs = clock.monotonic() + longestRunMs
  const done = await refreshInOrder(session, inOrder, {
    ...context,
    ladder: options.ladder,
    upstream,
    isEnough: () => clock.monotonic() >= endMs,
  })
  const refreshed = done.filter(({ outcome }) => outcome === 'refreshed')
  return {
    did: refreshed.length === 0 ? '' : `${plural(refreshed.length, 'view')} refreshed`,
    details: { refreshed: refreshed.map(({ name }) => name) },
    warnings: done
      .filter(({ outcome }) => outcome === 'failed' || outcome === 'skipped')
      .map(({ name, why }) => `view ${name}: ${why ?? ''}`),
  }
}

/** The chosen ones, each behind what it reads, also through views that are not chosen. */
export async function putInOrder(
  session: Session,
  {
    views,
    kept,
    chosen,
  }: {
    readonly views: readonly MaterializedView[]
    readonly kept: readonly KeptView[]
    readonly chosen: readonly KeptView[]
  },
): Promise<{ readonly upstream: Upstream; readonly inOrder: readonly KeptView[] }> {
  const declared: Upstream = new Map(views.map(({ name, dependsOn }) => [name, new Set(dependsOn)]))
  const upstream = joinUpstream((await readDependencies(session, kept)).upstream, declared)
  const names = [...chosen, ...kept].map(({ name }) => name)
  const { order } = orderViews([...new Set(names)], upstream)
  return { upstream, inOrder: order.flatMap((name) => chosen.find((one) => one.name === name) ?? []) }
}
