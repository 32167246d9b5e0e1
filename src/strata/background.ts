// What runs in the background: jobs, the feed of changes with those who listen to it in this process, and watching servers.
//
// What must be true: whoever is to hear of changes listens before the feed starts. Where the feed is refused, no job runs.

import type { Clock } from '../base/clock.ts'
import type { Logger } from '../base/logger.ts'
import type { Random } from '../base/random.ts'
import type { Backup } from '../backup/index.ts'
import { createChanges, type Changes } from '../changes/feed/index.ts'
import type { ResolvedConfig } from '../config/index.ts'
import { openDb } from '../db/pg-db.ts'
import type { Db } from '../db/db.ts'
import { assembleJobs, createJobs, type Jobs, type Reviewer, type StartOptions } from '../maintain/index.ts'
import type { AlertMessage, Alerts, CollectReport } from '../watch/index.ts'
import { createConfiguredAlerts } from './alerting.ts'
import type { Structures } from './structures.ts'
import { createConfiguredWatching, type OpenedWatching } from './watching.ts'

export interface Background {
  /** Recurring work: what there is, what became of it, and running it. */
  readonly jobs: Jobs
  /** What became of which row, told once it is committed: by the WAL, or by an outbox. It is what cached values are invalidated by. */
  readonly changes: Changes
  /** What servers do and hold, measured by one of all processes that are started. Undefined: `watch` is not declared. */
  readonly watch: OpenedWatching | undefined
  /** What was found wrong by rules over that: what stands, what was, silences, and rules tried on the past. */
  readonly alerts: Alerts
  /**
   * Begins what runs in the background, as `pgstrata serve` runs it: jobs, the feed of changes where one is declared, and watching where
   * that is.
   */
  start(what: StartWhat): Promise<void>
  /** Ends it in order. Idempotent. */
  stop(): Promise<void>
}

interface StartWhat {
  readonly jobs: true | StartOptions
  /** Told of alerts as they fire and end. */
  readonly onAlert?: ((message: AlertMessage) => void) | undefined
}

/** Of one run, and of the scheduler. */
const jobConnections = 4
/** Its lease, what it confirms and what it looks at; the stream and the doorbell have connections of their own. */
const feedConnections = 4

export interface BackgroundTools {
  readonly db: Db
  readonly structures: Structures
  readonly backup: Backup | undefined
  readonly review: Reviewer
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
}

export function createBackground(
  config: ResolvedConfig,
  { db, review, structures, backup, ...tools }: BackgroundTools,
): Background {
  const { partitions, tiers, archive, rollup, views } = structures
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
      contributed: [
        ...partitions.jobs,
        ...tiers.jobs,
        ...(archive?.jobs ?? []),
        ...rollup.jobs,
        ...views.jobs,
        ...(backup?.jobs ?? []),
      ],
      review,
    }),
    leaseMs: config.jobs.leaseMs,
  })
  const watch = createConfiguredWatching(config, { structures, jobs, backup, ...tools })
  const missingIndexes: CollectReport = (_, signal) => review(['suggested-index', 'missing-index'], signal)
  const alerting = createConfiguredAlerts(config, { db, watch, jobs, collectors: { missingIndexes }, ...tools })
  const stop = async (): Promise<void> => {
    // Before that which it looks at.
    await alerting.stop()
    await Promise.all([jobs.stop(), changes.stop(), watch?.stop()])
  }
  return {
    jobs,
    changes,
    watch,
    alerts: alerting.alerts,
    start: async (what) => {
      await jobs.start(what.jobs === true ? {} : what.jobs)
      try {
        await changes.start()
      } catch (error) {
        await stop()
        throw error
      }
      watch?.start()
      alerting.start(what.onAlert)
    },
    stop,
  }
}
