// Every quarter of an hour, and whenever somebody asks for it: statistics that are stale are made anew, dead rows taken away,
// and indexes looked at. What it finds of indexes it tells and does not do: an index is dropped by a person.
//
// What it gives back, in `details`: `analysed` and `vacuumed` (tables), `missing`, `duplicate` and `unused` (indexes, each with
// what was found, the SQL that mends it and what is to be thought of before), `notAsked` (checks that could not be, with the reason).

import { plural } from '../../base/units.ts'
import type { Job, JobContext, JobOutcome } from '../../db/job.ts'
import { requireDirect } from '../../db/server-facts.ts'
import type { Reviewed, Reviewer } from '../options.ts'
import { analyzeChanged } from './analyze.ts'
import { vacuumDead } from './vacuum-dead.ts'

/** What is asked of indexes, by what it is told under. */
export const indexChecks = {
  missing: ['suggested-index', 'missing-index', 'foreign-key-index'],
  duplicate: ['duplicate-index', 'prefix-redundant-index'],
  unused: ['unused-index', 'invalid-index'],
} as const

export function optimizeJob(review: Reviewer): Job {
  return {
    name: 'optimize',
    purpose: 'analyses and vacuums what needs it, and looks for missing, duplicate and unused indexes',
    schedule: { everyMs: 15 * 60_000 },
    timeoutMs: 60 * 60_000,
    overlap: 'skip',
    run: (context) => optimize(review, context),
  }
}

async function optimize(review: Reviewer, context: JobContext): Promise<JobOutcome> {
  const { db, signal } = context
  await requireDirect(db)
  const analysed = await analyzeChanged(context)
  const vacuumed = await vacuumDead(context)
  const reviewed = await review(Object.values(indexChecks).flat(), signal)
  const done = [
    ...(analysed.tables.length === 0 ? [] : [`${plural(analysed.tables.length, 'table')} analysed`]),
    ...(vacuumed.tables.length === 0 ? [] : [`${plural(vacuumed.tables.length, 'table')} vacuumed`]),
  ]
  return {
    did: done.join(', '),
    details: {
      analysed: analysed.tables,
      vacuumed: vacuumed.tables,
      missing: found(reviewed, indexChecks.missing),
      duplicate: found(reviewed, indexChecks.duplicate),
      unused: found(reviewed, indexChecks.unused),
      notAsked: reviewed.flatMap(({ check, unavailable: why }) => (why === undefined ? [] : [{ check, why }])),
    },
    warnings: [...analysed.warnings, ...vacuumed.warnings],
  }
}

function found(reviewed: readonly Reviewed[], checks: readonly string[]): readonly object[] {
  return reviewed
    .filter(({ check }) => checks.includes(check))
    .flatMap(({ findings }) =>
      findings.map(({ subject, what, fix, advice }) => ({
        subject,
        what,
        fix,
        ...(advice === undefined ? {} : { advice }),
      })),
    )
}
