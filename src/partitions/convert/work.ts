// Work on the conversion of a table: one process at a time, held apart by an advisory lock named by the table's oid, on the
// session that works. The jobs that keep partitions take the same one.

import { systemClock, type Clock } from '../../base/clock.ts'
import { isStrataError, StrataError } from '../../base/errors.ts'
import { systemRandom, type Random } from '../../base/random.ts'
import type { Db, Session } from '../../db/db.ts'
import { doStructuralWork, type BlockerWatch, type LadderOptions } from '../../plan/index.ts'
import { tableLockKey } from '../table-lock.ts'
import type { ConversionParts } from './parts.ts'

export interface ConversionTools {
  readonly db: Db
  readonly ladder: LadderOptions
  /** Default: what is bound to tables, and the partitions of the layouts, as they are. */
  readonly parts?: ConversionParts | undefined
  readonly clock?: Clock | undefined
  readonly random?: Random | undefined
}

/** The backend of a runner that was killed ends within a second (client_connection_check_interval). */
const lockWaitMs = 2_000
export interface Work {
  readonly session: Session
  readonly blockers: BlockerWatch
}

export async function underLock<T>(
  tools: ConversionTools,
  how: { readonly oid: number; readonly waitMs?: number; readonly signal?: AbortSignal | undefined },
  work: (work: Work) => Promise<T>,
): Promise<T> {
  const { clock = systemClock, random = systemRandom } = tools
  const frame = {
    db: tools.db,
    purpose: 'this conversion',
    key: tableLockKey(how.oid),
    ladder: tools.ladder,
    waitMs: how.waitMs ?? lockWaitMs,
    clock,
    random,
    signal: how.signal,
  } as const
  try {
    return await doStructuralWork(frame, (session, blockers) => work({ session, blockers }))
  } catch (error) {
    if (!isStrataError(error, 'LOCK_BUSY')) throw error
    throw new StrataError('CONVERT_BUSY', { message: error.message, cause: error })
  }
}
