// Every probe there is, to be described and not to be asked: for the documentation, and for who names one in a configuration.

import { systemClock } from '../base/clock.ts'
import { StrataError } from '../base/errors.ts'
import type { ServerProbe } from './model/server-probe.ts'
import { createApplicationsProbe } from './probes/applications.ts'
import { createBackupProbe } from './probes/backup.ts'
import { createCallsProbe } from './probes/calls.ts'
import { createExpectedIndexProbe } from './probes/expected-index.ts'
import { createPgBouncerProbe } from './probes/pgbouncer.ts'
import { createRedisProbe } from './probes/redis.ts'
import { createServerProbes } from './probes/server-probes.ts'
import { createTiersProbe } from './probes/tiers.ts'
import { createUpkeepProbes } from './probes/upkeep.ts'

export function listProbes(): readonly ServerProbe[] {
  const nobody = (): Promise<never> =>
    Promise.reject(new StrataError('USAGE', { message: 'A probe of a list is not asked' }))
  return [
    ...createServerProbes({ clock: systemClock, cores: undefined, asksReplicas: true }),
    createExpectedIndexProbe([]),
    createCallsProbe(),
    createApplicationsProbe(),
    ...createUpkeepProbes({ rollups: nobody, views: nobody, partitions: nobody, jobs: nobody }),
    createTiersProbe({ tiers: nobody, archives: nobody }),
    createBackupProbe(nobody),
    createPgBouncerProbe({ query: nobody }),
    createRedisProbe({ start: nobody, send: nobody }),
  ]
}
