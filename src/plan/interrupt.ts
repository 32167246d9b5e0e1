// Ctrl-C while the server works: the statement under way is cancelled there, so that nobody waits an hour for an index
// nobody wants any more. What follows (roll back, clear up, note) is done by whoever ran the statement.

import type { Db } from '../db/db.ts'
import { sql } from '../sql/sql.ts'

/** Until the function given back is called. */
export function cancelOnAbort(db: Db, pid: number, signal: AbortSignal | undefined): () => void {
  const cancel = (): void => {
    // Where cancelling fails, the statement just runs to its end.
    db.query(sql`select pg_cancel_backend(${pid}::int4)`).catch(() => undefined)
  }
  signal?.addEventListener('abort', cancel, { once: true })
  return () => signal?.removeEventListener('abort', cancel)
}
