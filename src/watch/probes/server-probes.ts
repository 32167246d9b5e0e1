// What every server is asked, each by one probe.

import type { Clock } from '../../base/clock.ts'
import type { ServerProbe } from '../model/server-probe.ts'
import { createActivity } from './activity.ts'
import { bloatProbe } from './bloat.ts'
import { connectionsProbe } from './connections.ts'
import { createCpuProbe } from './cpu.ts'
import { createDatabaseProbe } from './database.ts'
import { diskProbe } from './disk.ts'
import { freezeProbe } from './freeze.ts'
import { createIndexesProbe } from './indexes.ts'
import { locksProbe } from './locks.ts'
import { createReplicationProbe } from './replication.ts'
import { sequencesProbe } from './sequences.ts'
import { sizesProbe } from './sizes.ts'
import { slotsProbe } from './slots.ts'
import { createStatementsProbe } from './statements.ts'
import { createTablesProbe } from './tables.ts'
import { upProbe } from './up.ts'
import { walProbe } from './wal.ts'

export interface ServerProbeOptions {
  readonly clock: Clock
  /** Processors of servers on other machines. */
  readonly cores: number | undefined
  /** Replicas are asked themselves. */
  readonly asksReplicas: boolean
}

export function createServerProbes({ clock, cores, asksReplicas }: ServerProbeOptions): readonly ServerProbe[] {
  const activity = createActivity(clock)
  return [
    upProbe,
    activity.probe,
    connectionsProbe,
    locksProbe,
    createCpuProbe({ activity, cores }),
    createReplicationProbe({ clock, asksReplicas }),
    createDatabaseProbe(),
    createStatementsProbe(),
    walProbe,
    slotsProbe,
    createTablesProbe(),
    createIndexesProbe(),
    sequencesProbe,
    bloatProbe,
    sizesProbe,
    freezeProbe,
    diskProbe,
  ]
}
