// Jobs that carry a statement out until it finds nothing more: what came together while nobody ran is done in one run, in bounded parts.

import { sql, type JobOutcome, type RunContext } from 'pgstrata'
import type { Statement } from '../db/statements/statement.ts'

/** Each takes at most so many rows at a time. */
const mostAtOnce = 1_000

export function drain(...statements: readonly Statement[]): (context: RunContext) => Promise<JobOutcome> {
  return async ({ db, signal }) => {
    let rows = 0
    for (const { text } of statements)
      for (let taken = mostAtOnce; taken >= mostAtOnce;) {
        signal.throwIfAborted()
        taken = (await db.query(sql.raw(text))).rowCount
        rows += taken
      }
    return { did: rows === 0 ? '' : `${rows} rows` }
  }
}
