// The lists that somebody should go through daily, weekly and monthly, gone through: each question is a health check, and the
// report says of each whether all is well, what was found, or why it could not be asked.
//
// What it gives back, in `details.report`: { question, check, ok, findings, notAsked? } in the order of the list. What is
// critical is a warning of the run besides.

import { plural } from '../../base/units.ts'
import type { Job, JobContext, JobOutcome } from '../../db/job.ts'
import type { Reviewer } from '../options.ts'

interface Checklist {
  readonly name: string
  readonly purpose: string
  readonly cron: string
  /** Health checks by name; `view-freshness` and `suggested-index` are asked of whoever knows. */
  readonly checks: readonly string[]
}

/** Minutes apart, and before the working day of the zone. */
export const checklists: readonly Checklist[] = [
  {
    name: 'review-daily',
    purpose: 'goes through the daily list: freshness, statistics, cache hits, connections, replication',
    cron: '10 5 * * *',
    checks: [
      'view-freshness',
      'stale-statistics',
      'never-analysed',
      'buffer-hit',
      'index-hit',
      'connections-used',
      'idle-in-transaction',
      'long-transaction',
      'blocked-sessions',
      'replica-lag',
      'standby-missing',
      'inactive-slot',
      'slot-retention',
      'archive-failures',
    ],
  },
  {
    name: 'review-weekly',
    purpose: 'goes through the weekly list: slow statements, dead rows, temporary files, duplicate and missing indexes',
    cron: '20 5 * * mon',
    checks: [
      'slow-statements',
      'suggested-index',
      'missing-index',
      'foreign-key-index',
      'duplicate-index',
      'invalid-index',
      'dead-rows',
      'vacuum-due',
      'temp-files',
      'rollbacks',
      'sequence-used',
    ],
  },
  {
    name: 'review-monthly',
    purpose: 'goes through the monthly list: unused indexes, bloat, ages, keys, settings, privileges',
    cron: '30 5 1 * *',
    checks: [
      'unused-index',
      'prefix-redundant-index',
      'table-bloat',
      'index-bloat',
      'freeze-age',
      'multixact-age',
      'no-primary-key',
      'default-settings',
      'unsafe-settings',
      'pending-restart',
      'superuser-role',
      'public-create',
    ],
  },
]

export function reviewJobs(review: Reviewer, zone: string): readonly Job[] {
  return checklists.map(({ name, purpose, cron, checks }) => ({
    name,
    purpose,
    schedule: { cron, zone },
    timeoutMs: 15 * 60_000,
    overlap: 'skip' as const,
    run: (context) => goThrough(review, checks, context),
  }))
}

async function goThrough(review: Reviewer, checks: readonly string[], { signal }: JobContext): Promise<JobOutcome> {
  const reviewed = await review(checks, signal)
  const report = checks.flatMap((name) => {
    const one = reviewed.find(({ check }) => check === name)
    if (one === undefined) return []
    const { check, question, findings, unavailable } = one
    const isAsked = unavailable === undefined
    return [
      {
        question,
        check,
        ok: isAsked && findings.length === 0,
        findings,
        ...(isAsked ? {} : { notAsked: unavailable }),
      },
    ]
  })
  const findings = report.flatMap((one) => one.findings)
  const notAsked = report.filter((one) => one.notAsked !== undefined).length
  return {
    did: [
      `${plural(report.length - notAsked, 'question')} asked`,
      findings.length === 0 ? 'nothing found' : plural(findings.length, 'finding'),
      ...(notAsked === 0 ? [] : [`${notAsked} could not be asked`]),
    ].join(', '),
    details: { report },
    warnings: findings.filter(({ gravity }) => gravity === 'critical').map(({ what }) => what),
  }
}
