// The hourly correlations, as a job of pgstrata: as of its tick, so that a tick that is run again comes to the same.

import type { JobContext, JobOutcome } from 'pgstrata'
import { fillCorrelations } from './correlation-table.ts'

export async function correlationsJob({ db, tick, signal, confirm }: JobContext): Promise<JobOutcome> {
  const filled = await fillCorrelations(db, { asOf: tick, signal, confirm })
  const pairs = filled.reduce((sum, { written }) => sum + written, 0)
  return pairs === 0 ? { did: '' } : { did: `${pairs} correlations computed`, details: { filled } }
}
