// What runs in the background: jobs, and the feed of changes with those who listen to it in this process.
//
// What must be true: whoever is to hear of changes listens before the feed starts. Where the feed is refused, no job runs.

import type { Clock } from '../base/clock.ts'
import type { Logger } from '../base/logger.ts'
import type { Random } from '../base/random.ts'
import { createChanges, type Changes } from '../changes/feed/index.ts'
import type { ResolvedConfig } from '../config/index.ts'
import { openDb } from '../db/pg-db.ts'
import type { Db } from '../db/db.ts'
import { assembleJobs, createJobs, type Jobs, type StartOptions } from '../maintain/index.ts'
import type { Structures } from './structures.ts'

export interface Background {
  /** Recurring work: what there is, what became of it, and running it. */
  readonly jobs: Jobs
  /** What became of which row, told once it is committed: by the WAL, or by an outbox. It is what cached values are invalidated by. */
  readonly changes: Changes
  /** Begins what runs in the background, as `pgstrata serve` runs it: jobs, and the feed of changes where one is declared. */
  start(what: { readonly jobs: true | StartOptions }): Promise<void>
  /** Ends it in order. Idempotent. */
  stop(): Promise<void>
}

/** Of one run, and of the scheduler. */
const jobConnections = 4
/** Its lease, what it confirms and what it looks at; the stream and the doorbell have connections of their own. */
const feedConnections = 4

export interface BackgroundTools {
  readonly db: Db
  readonly structures: Structures
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
}

export function createBackground(
  config: ResolvedConfig,
  { db, structures: { partitions, rollup, views }, ...tools }: BackgroundTools,
): Background {
  const { direct: url, connectTimeoutMs } = config.database
  const changes = createChanges({
    ...tools,
    settings: config.changes,
    db,
    open: (applicationName) => openDb({ url, connectTimeoutMs, applicationName, max: feedConnections }),
    url,
  })
  const jobs = createJobs({
    ...tools,
    open: (applicationName, limits) =>
      openDb({ url, connectTimeoutMs, applicationName, max: jobConnections, ...limits }),
    jobs: assembleJobs({
      settings: config.jobs,
      cleanups: config.cleanups,
      contributed: [...partitions.jobs, ...rollup.jobs, ...views.jobs],
    }),
    leaseMs: config.jobs.leaseMs,
  })
  const stop = async (): Promise<void> => void (await Promise.all([jobs.stop(), changes.stop()]))
  return {
    jobs,
    changes,
    start: async (what) => {
      await jobs.start(what.jobs === true ? {} : what.jobs)
      try {
        await changes.start()
      } catch (error) {
        await stop()
        throw error
      }
    },
    stop,
  }
}
