// The job that moves partitions by the declaration, and carries out what was asked for.

import { plural } from '../../base/units.ts'
import type { Job, JobContext, JobOutcome } from '../../db/job.ts'
import { awaitReplicas, canSeeReplicas, type LadderOptions } from '../../plan/index.ts'
import type { TieredTable } from '../model/options.ts'
import { runMoves } from './movers.ts'
import type { MoveTools } from './run.ts'

export interface TiersJobOptions {
  readonly tables: readonly TieredTable[]
  readonly ladder: LadderOptions
  readonly archivingOf: NonNullable<MoveTools['archivingOf']>
}

const everyMs = 5 * 60_000
const timeoutMs = 6 * 3_600_000

export function tiersJob(options: TiersJobOptions): Job {
  return {
    name: 'tiers',
    purpose: 'moves partitions to the tier that is declared for their age',
    schedule: { everyMs },
    timeoutMs,
    overlap: 'skip',
    run: (context) => moveDue(context, options),
  }
}

async function moveDue(context: JobContext, { tables, ladder, archivingOf }: TiersJobOptions): Promise<JobOutcome> {
  const throttle = await throttleOf(context)
  const { moved, warnings } = await runMoves(tables, { ...context, ladder, archivingOf, throttle })
  return {
    did: moved.length === 0 ? '' : `${plural(moved.length, 'partition')} moved`,
    details: { moved },
    warnings,
  }
}

const maxLagMs = 10_000
const maxLagBytes = 64 * 1_024 ** 2
const patienceMs = 10 * 60_000

/** Between slices of long work, on another connection than that of the work. */
export async function throttleOf(
  tools: Pick<MoveTools, 'db' | 'clock' | 'random' | 'signal'>,
): Promise<() => Promise<void>> {
  const { db, clock, random, signal } = tools
  if (!(await canSeeReplicas(db))) return async () => {}
  const limits = { code: 'TIER_FAILED', maxLagMs, maxLagBytes, patienceMs } as const
  return () => awaitReplicas(db, { ...limits, clock, random, signal, onWait: () => undefined })
}
