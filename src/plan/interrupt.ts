// Ctrl-C while the server works: the statement under way is cancelled there, so that nobody waits an hour for an index
// nobody wants any more. What follows (roll back, clear up, note) is done by whoever ran the statement.
//
// Promises: what the session runs after the end of the listening is never hit. The statement may end before the cancelling
// reaches it, so the end waits for the server's answer; without one in time, the session's connection is given up.

import { systemClock, type Clock } from '../base/clock.ts'
import { StrataError } from '../base/errors.ts'
import type { Db, Session } from '../db/db.ts'
import { sql } from '../sql/sql.ts'

export interface CancelOptions {
  readonly db: Db
  readonly session: Session
  readonly signal: AbortSignal | undefined
  readonly clock?: Clock | undefined
}

const boundMs = 5_000

/** Until the function given back is called, and what that gives is awaited. */
export function cancelOnAbort({ db, session, signal, clock = systemClock }: CancelOptions): () => Promise<void> {
  let answered: Promise<true> | undefined
  const cancel = (): void => {
    const cancelled = db.query(sql`select pg_cancel_backend(${session.pid}::int4)`)
    // Where cancelling fails, the statement just runs to its end.
    answered = cancelled.then(yes, yes)
  }
  signal?.addEventListener('abort', cancel, { once: true })
  return async () => {
    signal?.removeEventListener('abort', cancel)
    if (answered === undefined) return
    let callOff = (): void => undefined
    const late = new Promise<false>((resolve) => (callOff = clock.after(boundMs, () => resolve(false))))
    const isAnswered = await Promise.race([answered, late])
    callOff()
    if (!isAnswered) session.wire?.giveUp(unanswered())
  }
}

const yes = (): true => true

function unanswered(): StrataError {
  return new StrataError('DATABASE_LOST', {
    message: 'The connection was given up: whether a statement of it is still to be cancelled is not known',
  })
}
