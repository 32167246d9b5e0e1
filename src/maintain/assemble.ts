// The list of jobs of a configuration: those of pgstrata, those that features contribute, those of the user. Pure.

import { messageOf, StrataError } from '../base/errors.ts'
import type { Job } from '../db/job.ts'
import { analyzeJob } from './jobs/analyze.ts'
import { cleanupJob } from './jobs/cleanup.ts'
import { freezeJob } from './jobs/freeze.ts'
import { historyJob } from './jobs/history.ts'
import { optimizeJob } from './jobs/optimize.ts'
import { reindexJob } from './jobs/reindex.ts'
import { reviewJobs } from './jobs/review.ts'
import { securityJob } from './jobs/security.ts'
import type { Cleanup, JobSettings, Reviewer } from './options.ts'
import { createOwnJob } from './own-job.ts'
import { checkSchedule } from './schedule.ts'

export interface AssembleOptions {
  readonly settings: JobSettings
  readonly cleanups: readonly Cleanup[]
  /** Of other features: 'partitions', 'retention'. */
  readonly contributed: readonly Job[]
  /** Health checks, for those that go through lists of them. */
  readonly review: Reviewer
}

export function assembleJobs({ settings, cleanups, contributed, review }: AssembleOptions): readonly Job[] {
  const builtIn = [
    ...contributed,
    ...cleanups.map((cleanup) => cleanupJob(cleanup)),
    analyzeJob(),
    freezeJob(),
    reindexJob(),
    optimizeJob(review),
    securityJob(settings),
    ...reviewJobs(review, settings.zone),
    historyJob({ historyMs: settings.historyMs }),
  ].flatMap((job): Job[] => {
    const schedule = settings.builtIn[job.name]
    if (schedule === false) return []
    return [schedule === undefined ? job : { ...job, schedule }]
  })
  const jobs = [...builtIn, ...settings.own.map(createOwnJob)]
  for (const job of jobs) checkEvery(job)
  const names = jobs.map((job) => job.name)
  const twice = names.find((name, index) => names.indexOf(name) !== index)
  if (twice === undefined) return jobs
  throw new StrataError('CONFIG_INVALID', {
    message: `Two jobs are called ${JSON.stringify(twice)}`,
    advice: 'Give your job under `jobs.own` another name: those of pgstrata are taken.',
  })
}

/** Cron expressions were checked where they were declared; intervals come from several places. */
function checkEvery({ name, schedule }: Job): void {
  try {
    if ('everyMs' in schedule) checkSchedule(schedule)
  } catch (error) {
    throw new StrataError('CONFIG_INVALID', { message: `Job ${JSON.stringify(name)}: ${messageOf(error)}` })
  }
}
