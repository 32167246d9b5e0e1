// Partitions that came by another way than `apply` (ahead of time, by SQL, by a conversion) get their triggers: what is written to
// them through their table is captured by its own, what is aimed at a partition by its name only by those. And relations that
// are no part of the table any more lose theirs: what is written to them is nothing of the rollup's.
//
// Bounds: a lock is waited for a second at the most, parents before their partitions; what is not to be had is left to the next
// time.

import type { Session } from '../../db/db.ts'
import { rollback } from '../../db/transaction.ts'
import { sql } from '../../sql/sql.ts'
import type { Source } from '../model/options.ts'
import { readUnwatched, readWithRows } from '../kept/queries.ts'
import { readRelations, readStrayTriggers } from './relations.ts'
import { dropStrays, strayNames, watchStatements } from './watch-statements.ts'

export interface Watched {
  /** The relations that were taken up. */
  readonly taken: readonly string[]
  /** Those of them that had rows, which may never have been counted. */
  readonly withRows: readonly string[]
  /** That are no part of the source any more. */
  readonly left: readonly string[]
}

export async function watchNew(
  session: Session,
  source: Source,
  { subscriber }: { readonly subscriber: boolean },
): Promise<Watched> {
  const unwatched = await readUnwatched(session, await readRelations(session, source), { subscriber })
  const strays = await readStrayTriggers(session, source)
  const watched = {
    taken: unwatched.relations.map(({ name }) => name),
    withRows: await readWithRows(session, unwatched.relations),
    left: strayNames(strays),
  }
  const statements = [...watchStatements(source, unwatched, { subscriber }), ...dropStrays(strays)]
  if (statements.length === 0) return watched
  await session.query(sql`begin`)
  try {
    await session.query(sql`set local lock_timeout = '1s'`)
    for (const statement of statements) await session.query(sql.raw(statement))
    await session.query(sql`commit`)
  } catch (error) {
    await rollback(session)
    throw error
  }
  return watched
}
