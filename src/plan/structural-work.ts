// The frame of all structural work (migrations, apply): a connection that can carry it, the lock that keeps two runners
// apart, the session's settings, somebody who watches what we wait for, and Ctrl-C that reaches the server.
// Afterwards the session is as it was, whatever a script SET and however it ended.

import type { Clock } from '../base/clock.ts'
import type { Random } from '../base/random.ts'
import { lockClass, lockObject, schemaExists } from '../catalog/install.ts'
import { withAdvisoryLock } from '../db/advisory-lock.ts'
import type { Db, Session } from '../db/db.ts'
import { readServerFacts, requireDirect, requireWritable } from '../db/server-facts.ts'
import { translateError } from '../db/translate.ts'
import { sql } from '../sql/sql.ts'
import { watchBlockers, type BlockerWatch } from './blockers.ts'
import { cancelOnAbort } from './interrupt.ts'
import type { LadderOptions } from './ladder.ts'
import { prepareSession } from './session.ts'

export interface StructuralWork {
  readonly db: Db
  readonly purpose: 'migrations' | 'apply' | 'this conversion'
  /** The lock to work under, where it is not that of the purpose. */
  readonly key?: readonly [number, number] | undefined
  readonly ladder: LadderOptions
  /** How long to wait for another runner. */
  readonly waitMs: number
  readonly clock: Clock
  readonly random: Random
  readonly signal?: AbortSignal | undefined
  readonly onWait?: ((holder: string) => void) | undefined
}

export async function doStructuralWork<T>(
  frame: StructuralWork,
  work: (session: Session, blockers: BlockerWatch) => Promise<T>,
): Promise<T> {
  const { db, purpose, clock, signal } = frame
  await requireDirect(db)
  return await db.withSession(async (session) => {
    requireWritable(await readServerFacts(session), !(await schemaExists(session)))
    await prepareSession(session)
    const key = frame.key ?? [lockClass, purpose === 'apply' ? lockObject.apply : lockObject.migrate]
    try {
      return await withAdvisoryLock(session, { ...frame, key }, async () => {
        const stopListening = cancelOnAbort({ db, session, signal, clock })
        const blockers = watchBlockers({ db, pid: session.pid, everyMs: frame.ladder.firstTimeoutMs / 2, clock })
        try {
          return await work(session, blockers)
        } finally {
          await stopListening()
          await blockers.stop()
        }
      })
    } catch (error) {
      throw translateError(error)
    } finally {
      // The connection goes back to a pool. Where it is gone, so are its settings.
      await session.query(sql`discard all`).catch(() => undefined)
    }
  })
}
