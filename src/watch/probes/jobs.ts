// Whether jobs succeed, and what they take. Who runs them says so; what is handed in is asked.

import type { ServerProbe } from '../model/server-probe.ts'
import { available, gauge } from './metrics.ts'
import { inSeconds, mostNamed, pointOf } from './named-points.ts'

export interface JobHealth {
  readonly name: string
  /** Of the last run that ended. */
  readonly tookMs: number | null
  /** In a row, up to the last run. */
  readonly failures: number
}

/** Not 'job': Prometheus gives every series one of that name, which says where it was scraped. */
const byJob = { labels: ['job_name'], most: mostNamed }

export function createJobsProbe(jobs: () => Promise<readonly JobHealth[]>): ServerProbe {
  return {
    name: 'jobs',
    question: 'Do jobs succeed, and how long do they take?',
    everyMs: 60_000,
    limitMs: 10_000,
    of: 'elsewhere',
    metrics: [
      gauge('pgstrata_job_seconds', 'What the last run of a job took.', byJob),
      gauge('pgstrata_job_failures', 'Runs that failed in a row, up to the last.', byJob),
    ],
    unavailable: available,
    read: async () => ({
      points: (await jobs())
        .slice(0, mostNamed)
        .flatMap(({ name, tookMs, failures }) => [
          ...pointOf('pgstrata_job_seconds', name, inSeconds(tookMs)),
          ...pointOf('pgstrata_job_failures', name, failures),
        ]),
    }),
  }
}
