// When a view is to be refreshed again. Pure: of its schedule and of moments read off the database's clock.

import type { JobSchedule } from '../db/job.ts'
import type { MaterializedView } from './options.ts'
import type { KeptView } from './queries.ts'

/** The first tick of a schedule after a moment, which another feature knows; undefined: it never comes again. */
export type NextTick = (schedule: JobSchedule, afterMs: number) => number | undefined

/** One that fails is heavy on the server each time it is tried. */
const retryMs = 5 * 60_000

/** Undefined: it is not due at `nowMs`. A failed one is tried again at its next time, and after five minutes. */
export function dueSinceMs(
  view: Pick<MaterializedView, 'refresh'>,
  kept: Pick<KeptView, 'lastRefreshed' | 'failedAt'>,
  nowMs: number,
  nextTickMs: NextTick,
): number | undefined {
  const isPast = (atMs: number | undefined): atMs is number => atMs !== undefined && atMs <= nowMs
  const { refresh } = view
  const dueMs = nextDueMs(view, kept, nextTickMs)
  if (refresh === undefined || !isPast(dueMs)) return undefined
  const failedMs = kept.failedAt?.getTime()
  const waits = failedMs !== undefined && nowMs - failedMs < retryMs && !isPast(nextTickMs(refresh, failedMs))
  return waits ? undefined : dueMs
}

/** When it comes due, or came due if it is late; undefined: never by itself. */
export function nextDueMs(
  { refresh }: Pick<MaterializedView, 'refresh'>,
  { lastRefreshed }: Pick<KeptView, 'lastRefreshed'>,
  nextTickMs: NextTick,
): number | undefined {
  // Never refreshed: since ever.
  return refresh === undefined ? undefined : nextTickMs(refresh, lastRefreshed?.getTime() ?? 0)
}
