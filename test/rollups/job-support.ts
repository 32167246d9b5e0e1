// One run of the job that merges, by a clock of the test's.

import type { Clock } from '../../src/base/clock.ts'
import { silentLogger } from '../../src/base/logger.ts'
import type { Db } from '../../src/db/db.ts'
import type { JobOutcome } from '../../src/db/job.ts'
import { mergeJob } from '../../src/rollups/job/job.ts'
import type { Rollup } from '../../src/rollups/model/options.ts'

export async function runJob(db: Db, rollups: readonly Rollup[], clock: Clock): Promise<JobOutcome> {
  return await mergeJob({ rollups }).run({
    db,
    tick: new Date(0),
    attempt: 1,
    fence: 1,
    signal: new AbortController().signal,
    clock,
    random: () => 0.5,
    logger: silentLogger,
    confirm: () => Promise.resolve(),
  })
}
