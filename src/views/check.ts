// What the server says of the declared texts: each view is made without data, in the order in which they read each other, in a
// transaction that is taken back. It leaves nothing, and no lock is waited for longer than two seconds.

import { messageOf } from '../base/errors.ts'
import type { Session } from '../db/db.ts'
import { rollback } from '../db/transaction.ts'
import { sql } from '../sql/sql.ts'
import { isConnectionLost, sqlstateOf } from '../sql/sqlstate.ts'
import { besideOf, placeOf } from './names.ts'
import type { MaterializedView } from './options.ts'

export interface Candidate {
  readonly view: MaterializedView
  /** Its sql, without what stands around the statement. */
  readonly text: string
  /** Something has its name: it is made under another. */
  readonly taken: boolean
}

export type Checked = { readonly columns: readonly string[] } | { readonly why: string }

const lockTimeoutMs = 2_000

export async function checkTexts(
  session: Session,
  candidates: readonly Candidate[],
): Promise<ReadonlyMap<string, Checked>> {
  const checked = new Map<string, Checked>()
  if (candidates.length === 0) return checked
  await session.query(sql.raw(`begin; set local lock_timeout = '${lockTimeoutMs}ms'`))
  try {
    for (const candidate of candidates) checked.set(candidate.view.name, await checkOne(session, candidate))
  } finally {
    await rollback(session)
  }
  return checked
}

async function checkOne(session: Session, { view, text, taken }: Candidate): Promise<Checked> {
  const place = placeOf(taken ? besideOf(view) : view)
  await session.query(sql`savepoint looked_at`)
  try {
    if (taken) await session.query(sql.raw(`drop materialized view if exists ${place}`))
    await session.query(sql.raw(`create materialized view ${place} as\n${text}\nwith no data`))
    const { rows } = await session.query<{ name: string }>(sql`
      select attname::text as name
      from pg_attribute
      where attrelid = to_regclass(${place})
        and attnum > 0
      order by attnum`)
    return { columns: rows.map(({ name }) => name) }
  } catch (error) {
    if (sqlstateOf(error) === undefined || isConnectionLost(error)) throw error
    await session.query(sql`rollback to savepoint looked_at`)
    return { why: messageOf(error) }
  }
}

/** Undefined: every column that an index is declared on is there. */
export function findMissingColumn(view: MaterializedView, columns: readonly string[]): string | undefined {
  return [...view.unique, ...view.indexes.flat()].find((name) => !columns.includes(name))
}
