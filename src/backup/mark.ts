// Marks: rows that say when they were made, one a minute. What a restored database has of them says to which moment it was restored.
//
// Invariant: they are made one after the other. A mark is committed before the next one reads the clock, so every database that was
// restored to the time of a mark has all before it, and not that one itself.

import { StrataError } from '../base/errors.ts'
import { onlyRow, type Db, type Queryable } from '../db/db.ts'
import { transaction } from '../db/transaction.ts'
import { sql } from '../sql/sql.ts'

export interface Mark {
  readonly id: string
  /** To the microsecond, as PostgreSQL reads it: '2026-11-22 18:00:00.123456+00'. */
  readonly at: string
  readonly madeAt: Date
}

/** Longer than any backup is verified late; ten thousand rows. The first one is kept for good: it says since when there are any. */
const keptDays = 8
const lockTimeoutMs = 5_000

const columns = sql.raw(
  `id::text as id, to_char(made_at at time zone 'UTC', 'YYYY-MM-DD HH24:MI:SS.US') || '+00' as at, made_at as "madeAt"`,
)

export async function makeMark(db: Db): Promise<Mark> {
  return await transaction(
    db,
    async (tx) => {
      // Until it is committed; the clock is read behind it.
      await tx.query(sql`lock table pgstrata.backup_mark in share row exclusive mode`)
      return onlyRow(await tx.query<Mark>(sql`insert into pgstrata.backup_mark default values returning ${columns}`))
    },
    { lockTimeoutMs },
  )
}

/** The newest that is there, or that was there at a time. */
export async function readNewestMark(on: Queryable): Promise<Mark | undefined> {
  const { rows } = await on.query<Mark>(sql`select ${columns} from pgstrata.backup_mark order by id desc limit 1`)
  return rows[0]
}

/** Between which marks a moment lies: a database that is restored to it has the first, perhaps the second, and none later. */
export interface MarkBounds {
  readonly least: string
  readonly most: string
}

export async function readMarksAround(on: Queryable, at: string): Promise<MarkBounds> {
  // The last one before the moment may have been committed after it.
  const { rows } = await on.query<{ id: string }>(sql`
    select id::text as id
    from pgstrata.backup_mark
    where made_at < ${at}::timestamptz
      and made_at >= clock_timestamp() - ${keptDays} * interval '1 day'
    order by id desc
    limit 2`)
  const [most, least = most] = rows
  if (most !== undefined && least !== undefined) return { least: least.id, most: most.id }
  throw new StrataError('BACKUP_UNVERIFIED', {
    message: 'No mark is known from before that moment, so nothing would tell to which one a database was restored',
    advice: `Marks are kept for ${keptDays} days: name a later moment, or let \`pgstrata serve\` run for a while.`,
  })
}

/** The one before a mark, and nothing later. */
export async function readMarkBefore(on: Queryable, { id }: Pick<Mark, 'id'>): Promise<MarkBounds> {
  const { rows } = await on.query<{ id: string }>(sql`
    select id::text as id
    from pgstrata.backup_mark
    where id < ${id}::bigint
    order by id desc
    limit 1`)
  const before = onlyRow({ rows, rowCount: rows.length }).id
  return { least: before, most: before }
}

export async function forgetMarks(on: Queryable): Promise<number> {
  const { rowCount } = await on.query(sql`
    delete from pgstrata.backup_mark
    where made_at < clock_timestamp() - ${keptDays} * interval '1 day'
      and id > (select min(id) from pgstrata.backup_mark)`)
  return rowCount
}
