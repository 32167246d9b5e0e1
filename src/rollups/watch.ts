// Partitions that came by another way than `apply` (ahead of time, by SQL, by a conversion) get their triggers: what is written to
// them through their table is captured by its own, what is aimed at a partition by its name only by those.
//
// Bounds: a lock is waited for a second at the most, parents before their partitions; what is not to be had is left to the next
// time.

import type { Queryable, Session } from '../db/db.ts'
import { rollback } from '../db/transaction.ts'
import { sql } from '../sql/sql.ts'
import { captureTriggers, type Relation, type Source } from './capture.ts'
import { readUnwatched } from './queries.ts'
import { readRelations } from './relations.ts'

/** The relations that were taken up. */
export async function watchNew(session: Session, source: Source): Promise<readonly string[]> {
  const unwatched = await readNew(session, source)
  if (unwatched.length === 0) return []
  await session.query(sql`begin`)
  try {
    await session.query(sql`set local lock_timeout = '1s'`)
    for (const relation of unwatched) {
      for (const statement of captureTriggers(source, relation)) await session.query(sql.raw(statement))
    }
    await session.query(sql`commit`)
  } catch (error) {
    await rollback(session)
    throw error
  }
  return unwatched.map(({ name }) => name)
}

async function readNew(on: Queryable, source: Source): Promise<readonly Relation[]> {
  return await readUnwatched(on, source, await readRelations(on, source))
}
