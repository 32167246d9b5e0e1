// How what is kept up is doing: rollups, views, partitions and jobs, each asked by a probe of its own.

import type { ServerProbe } from '../model/server-probe.ts'
import { createJobsProbe, type JobHealth } from './jobs.ts'
import { createPartitionsProbe, type PartitionHealth } from './partitions.ts'
import { createRollupsProbe, type RollupHealth } from './rollups.ts'
import { createViewsProbe, type ViewHealth } from './views.ts'

export interface UpkeepOptions {
  readonly rollups: () => Promise<readonly RollupHealth[]>
  readonly views: () => Promise<readonly ViewHealth[]>
  readonly partitions: () => Promise<readonly PartitionHealth[]>
  readonly jobs: () => Promise<readonly JobHealth[]>
}

export function createUpkeepProbes({ rollups, views, partitions, jobs }: UpkeepOptions): readonly ServerProbe[] {
  return [
    createRollupsProbe(rollups),
    createViewsProbe(views),
    createPartitionsProbe(partitions),
    createJobsProbe(jobs),
  ]
}
