// The hourly run of payouts, as a job of pgstrata: for the hour that ended before its tick. Run twice for one tick, or by hand besides, it
// finds the run that is there.

import type { JobContext, JobOutcome } from 'pgstrata'
import { openJobDatabase } from '../database.ts'
import { createPayoutService } from './service.ts'

const hourMs = 3_600_000

export async function payoutJob({ db, tick, logger }: JobContext): Promise<JobOutcome> {
  const service = createPayoutService({ db: openJobDatabase(db), log: (line) => logger.info(line) })
  const run = await service.run({ asOf: new Date(Math.floor(tick.getTime() / hourMs) * hourMs) })
  if (!run.isNew) return { did: '' }
  const { runId, streams, nodes, total } = run
  return {
    did: `${nodes} nodes of ${streams} streams paid`,
    details: { runId, streams, nodes, total: String(total) },
  }
}
