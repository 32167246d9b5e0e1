// What the server says of the declared texts: each view is made, without data, in the order in which they read each other, in a
// transaction that is taken back. It leaves nothing, and no lock is waited for longer than two seconds.

import { messageOf } from '../base/errors.ts'
import type { Session } from '../db/db.ts'
import { rollback } from '../db/transaction.ts'
import { sql, type Sql } from '../sql/sql.ts'
import { isConnectionLost, sqlstateOf } from '../sql/sqlstate.ts'
import { besideOf, placeOf } from './names.ts'
import type { MaterializedView } from './options.ts'
import type { ViewNoun } from './replace.ts'
import { sourcesRead, type SourceRead } from './uses.ts'

export interface Candidate {
  readonly view: Pick<MaterializedView, 'schema' | 'name'>
  readonly noun: ViewNoun
  /** Its sql, without what stands around the statement. */
  readonly text: string
  /** Something has its name: it is made under another. */
  readonly taken: boolean
}

export type Checked = Columns | { readonly why: string }

interface Columns {
  readonly columns: readonly string[]
  /** Each with its type, as columnShapes says them. */
  readonly shapes: readonly string[]
  readonly sources: readonly SourceRead[]
}

/** Of pg_class `c`: CREATE OR REPLACE VIEW lets these stay as they are, in their order, and more come behind them. */
export const columnShapes: Sql = sql`array(
        select format('%I %s %s', attname, format_type(atttypid, atttypmod), attcollation::regcollation)
        from pg_attribute
        where attrelid = c.oid
          and attnum > 0
          and not attisdropped
        order by attnum
      )`

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

async function checkOne(session: Session, { view, noun, text, taken }: Candidate): Promise<Checked> {
  const place = placeOf(taken ? besideOf(view) : view)
  await session.query(sql`savepoint looked_at`)
  try {
    if (taken) await session.query(sql.raw(`drop materialized view if exists ${place}`))
    const end = noun === 'view' ? '' : '\nwith no data'
    await session.query(sql.raw(`create ${noun} ${place} as\n${text}${end}`))
    const { rows } = await session.query<Columns>(sql`
      select array(
        select attname::text from pg_attribute where attrelid = c.oid and attnum > 0 order by attnum
      ) as columns, ${columnShapes} as shapes,
        ${sourcesRead} as sources
      from pg_class c
      where c.oid = to_regclass(${place})`)
    const [made] = rows
    if (made === undefined) throw new RangeError('A view that was made is not there')
    return made
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
