// Step 1: views that are old. What reads them is not slower for it, but a refresh that fails or cannot keep up is often what takes
// the time of the others, and people call an old figure a slow one.

import { formatDuration, plural } from '../../base/units.ts'
import { sql } from '../../sql/sql.ts'
import { clear, suspect, unknown, type SlowStep } from './step.ts'

export const viewFreshness: SlowStep = {
  name: 'view-freshness',
  question: 'Are materialized views fresh?',
  look: async ({ ask, handed, limitsOf }) => {
    const [counted] = await ask<{ views: number }>(sql`
      select count(*)::float8 as views
      from pg_class c
      join pg_namespace n on n.oid = c.relnamespace
      where c.relkind = 'm'
        and n.nspname <> 'pgstrata'`)
    const inAll = counted?.views ?? 0
    const views = (await handed.readViews?.()) ?? []
    if (inAll === 0 && views.length === 0) return clear('There are no materialized views')
    const { warn, critical } = limitsOf('view-freshness', { warn: 900_000, critical: 3_600_000, least: 0 })
    const late = views
      .filter(({ lateMs, lastError }) => lateMs >= warn || lastError !== null)
      .toSorted((left, right) => right.lateMs - left.lateMs)
    const [worst] = late
    if (worst !== undefined) {
      const age = worst.staleMs === null ? 'was never refreshed' : `is ${formatDuration(worst.staleMs)} old`
      return suspect({
        suspicion: worst.lastError !== null || worst.lateMs >= critical ? 0.6 : 0.5,
        found: `View ${worst.schema}.${worst.name} ${age}${worst.lastError === null ? '' : ', and its last refresh failed'}`,
        evidence: { views: inAll, late: late.length, staleMs: worst.staleMs, lateMs: worst.lateMs },
        next: [
          `pgstrata view refresh ${worst.name}`,
          'pgstrata jobs: is `pgstrata serve` running, and what does "refresh" say?',
        ],
      })
    }
    if (views.length < inAll)
      return unknown(
        `${plural(inAll - views.length, 'materialized view')} of ${inAll} ${inAll === 1 ? 'is' : 'are'} not declared in the configuration: the server does not tell when they were refreshed`,
      )
    return clear(`All ${plural(inAll, 'view')} are fresh by their schedules`, { views: inAll })
  },
}
