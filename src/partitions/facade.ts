// Partitions as one object: their part of the plan, and the jobs that keep them. Holds no state; everything is read anew.

import { contributeRoutines } from '../catalog/routines.ts'
import type { Db, Session } from '../db/db.ts'
import type { Job } from '../db/job.ts'
import type { Contribution, LadderOptions } from '../plan/index.ts'
import { contributePartitions } from './contribute.ts'
import { readBound } from './convert/bound/index.ts'
import { drainJob } from './drain.ts'
import { partitionsJob } from './jobs.ts'
import type { PartitionedTable } from './options.ts'
import { retentionJob } from './retire.ts'
import { partitionRoutines, placedRoutine } from './sql-functions.ts'
import { readPartitionStatus, type TableStatus } from './status.ts'

export interface PartitionsOptions {
  readonly db: Db
  readonly tables: readonly PartitionedTable[]
  readonly ladder: LadderOptions
  /** A further schema that gets create_monthly_partitions(). */
  readonly monthlyIn?: string | undefined
}

export interface Partitions {
  /** What is declared. */
  readonly tables: readonly PartitionedTable[]
  /** The steps that make the database as declared, and what is held back, with the reason. */
  contribute(session: Session): Promise<Contribution>
  readonly jobs: readonly Job[]
  /** What has become of a table, or of all of them, and what should be seen to. */
  status(key?: string): Promise<readonly TableStatus[]>
}

export function createPartitions({ db, tables, ladder, monthlyIn }: PartitionsOptions): Partitions {
  return {
    tables,
    contribute: async (session) => {
      const { steps, manages, held = [], ...rest } = await contributePartitions(session, { tables, readBound })
      // Where no table is laid out there is nothing for them to do.
      const wanted = tables.length === 0 ? [] : partitionRoutines({ monthlyIn })
      const routines = await contributeRoutines(session, wanted, [placedRoutine])
      return {
        ...rest,
        steps: [...routines.steps, ...steps],
        manages: [...routines.manages, ...manages],
        held: [...routines.held, ...held],
      }
    },
    jobs: [partitionsJob({ tables, ladder }), drainJob({ tables, ladder }), retentionJob({ tables, ladder })],
    status: (key) => readPartitionStatus(db, tables, key),
  }
}
