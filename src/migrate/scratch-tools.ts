// What a run on a scratch cluster needs: nobody else is there, so there is nobody to watch.

import type { Clock } from '../base/clock.ts'
import type { Random } from '../base/random.ts'
import type { Db } from '../db/db.ts'
import { buildLadder, type LadderOptions } from '../plan/index.ts'
import type { RunTools } from './run-migration.ts'

export interface ScratchRun {
  readonly ladder: LadderOptions
  readonly clock: Clock
  readonly random: Random
  readonly signal?: AbortSignal | undefined
}

export function scratchTools(db: Db, run: ScratchRun): RunTools {
  return {
    db,
    isLocked: false,
    ladder: buildLadder(run.ladder),
    clock: run.clock,
    random: run.random,
    blockers: { seen: () => [], stop: () => Promise.resolve() },
    signal: run.signal,
  }
}
