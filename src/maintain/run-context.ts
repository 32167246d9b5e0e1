// What a job is given: the shape that features know, and what lets a run that was lost be gone on with.

import type { Queryable } from '../db/db.ts'
import type { JobContext } from '../db/job.ts'

export interface RunContext extends JobContext {
  /** How far earlier attempts of this tick came, in a unit of the job's own; 0 at first. */
  readonly progress: number
  /** In a transaction: confirms the lease, and notes how far this tick has come together with what the transaction did. */
  advance(tx: Queryable, progress: number): Promise<void>
}
