// A connection for structural work: without the timeouts of an application, with values shown as ISO, cancelled on the server
// where the signal fires, and put right again afterwards.

import type { Db, Session } from '../db/db.ts'
import { sql } from '../sql/sql.ts'
import { cancelOnAbort } from './interrupt.ts'
import { prepareSession } from './session.ts'

export interface WorkSessionOptions {
  readonly db: Db
  readonly signal?: AbortSignal | undefined
}

export async function withWorkSession<T>(
  { db, signal }: WorkSessionOptions,
  work: (session: Session) => Promise<T>,
): Promise<T> {
  return await db.withSession(async (session) => {
    await prepareSession(session)
    await session.query(sql`set datestyle = 'ISO'`)
    const stopListening = cancelOnAbort({ db, session, signal })
    try {
      return await work(session)
    } finally {
      await stopListening()
      await session.query(sql`discard all`).catch(() => undefined)
    }
  })
}
