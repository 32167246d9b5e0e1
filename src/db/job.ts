// The shape of recurring work: what features contribute, and what `maintain` runs.
//
// What a job may rely on: it runs under a lease, so nobody else runs it at the same time unless that lease was lost, and
// `confirm` in the transaction that does the work makes sure of it. What a job must keep: a run killed at any point
// leaves nothing that the next run does not put right; it works in bounded batches and looks at `signal` in between.

import type { Clock } from '../base/clock.ts'
import type { Logger } from '../base/logger.ts'
import type { Random } from '../base/random.ts'
import type { Db, Queryable } from './db.ts'

export type JobSchedule = { readonly everyMs: number } | { readonly cron: string; readonly zone: string }

export interface Job {
  /** 'partitions', 'cleanup:sessions' */
  readonly name: string
  /** One sentence for `pgstrata jobs`. */
  readonly purpose: string
  readonly schedule: JobSchedule
  readonly timeoutMs: number
  /** Tells it from another job under the same name: what is gone on with is only ever the same work. */
  readonly work?: string | undefined
  /** A tick that comes due while the job still runs is left out, or run afterwards (once, however many). */
  readonly overlap: 'skip' | 'queue'
  /** Somebody waits for it: where it is new, its last tick counts as missed, so it is run at once. Default: it waits for its first. */
  readonly atOnce?: boolean
  run(context: JobContext): Promise<JobOutcome>
}

export interface JobContext {
  readonly db: Db
  /** When this run was due, by the database's clock. */
  readonly tick: Date
  /** 1, or more where an earlier runner of the same tick was lost. */
  readonly attempt: number
  /** Grows with each holder of the lease. */
  readonly fence: number
  /** Fires when time is up, the lease is lost, or the process ends. */
  readonly signal: AbortSignal
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  /**
   * In a transaction: throws LEASE_LOST unless the lease still stands, and keeps it so until the transaction ends. Near its end: the
   * lease cannot be renewed meanwhile.
   */
  readonly confirm: (tx: Queryable) => Promise<void>
}

export interface JobOutcome {
  /** What was done, for a person: '2 partitions made'. Empty: there was nothing to do. */
  readonly did: string
  readonly details?: Readonly<Record<string, unknown>>
  /** Something a person should see to; the run still counts as done. */
  readonly warnings?: readonly string[]
}
