// Carries noted changes from a table into a copy of it.
//
// A key here is all columns of the log together: those of a unique key of both tables, and those of the copy's partition key.
// Promise: after a call, committed, the copy has for every key taken exactly what the table has for it in the transaction's
// snapshot (one row, or none), and exactly the notes taken are gone.
//
// What must be true of the transaction: it sees one state of the table and of the log from `lock table` to its end, that is
//   - REPEATABLE READ, with the table locked in ACCESS SHARE before the snapshot is taken, because a TRUNCATE in between would
//     show an old snapshot an empty table and no note of it; or
//   - any isolation, with a lock that keeps writers away from the table.
// And nobody else writes to the copy or takes from the log: conversions hold a lock of their own (catalog/install.ts).
//
// Proof that no change is lost. Claim, at every commit: for each key, (1) the copy equals the table as of the last snapshot
// used for that key, or (2) a note of that key is pending that this snapshot did not see, or (3) the first copying has not come to it.
//   - A writer commits a change and its note together. A snapshot sees both or neither. A change no snapshot of ours has
//     seen has a note that none has seen either, so no call can have taken it: (2).
//   - A call takes any notes it can see, by visibility alone, never by number or time: one of a transaction that began
//     early and commits late is simply seen later. For each key taken it makes the copy equal to the table in the same
//     snapshot: (1). Notes of that key it left, or could not see, only have it done again. So any part of the visible notes
//     may be taken, in any order: no batch has to be complete for its keys.
//   - A change of the key itself is noted under both keys: the old one loses its row, the new one gains it.
//   - The first copying inserts what its snapshot sees unless the key is there. If it is there, an earlier call put it there: then
//     it is equal to that snapshot's, or the change since then has a note that is pending: (1) or (2).
// Once the first copying is through and no note is visible, the copy equals the table as of that snapshot.
//
// A part of the notes can leave the copy in a state that the table never had, and a second unique key of the copy may
// refuse that: the caller then takes all that is visible (`limit: undefined`), which is one state the table did have.

import type { Queryable } from '../../db/db.ts'
import { onlyRow } from '../../db/db.ts'
import { quoteQualified } from '../../sql/quote.ts'
import { sql, type Sql } from '../../sql/sql.ts'
import { logColumn, logOf, truncationsOf, type Capture } from './capture.ts'

export interface Consumption {
  readonly capture: Capture
  /** The copy. */
  readonly into: { readonly schema: string; readonly table: string }
  /** The columns that are carried over: all but generated ones. */
  readonly columns: readonly string[]
  /** Notes to take at the most; undefined: all that are visible. */
  readonly limit: number | undefined
  /** Where the last call of the same caller ended. */
  readonly cursor?: LogCursor | undefined
}

/**
 * Notes taken stay in the file until a vacuum, and behind an old snapshot that takes long: whoever begins at the front
 * every time reads all of them again for each batch. It only says where to look first.
 */
export interface LogCursor {
  /** A tid, as the server writes it. */
  place: string | undefined
}

/**
 * Plans by key, whatever the statistics say of a log that was empty a moment ago: the other ways would read the whole table.
 * For `set local`, in front of the first query.
 */
export const consumptionSettings: string = [
  'enable_hashjoin',
  'enable_mergejoin',
  'enable_seqscan',
  'enable_material',
  'jit',
]
  .map((name) => `set local ${name} = off`)
  .join('; ')

/** Gives back how many notes were taken; fewer than `limit`: no more were visible. */
export async function consume(tx: Queryable, consumption: Consumption): Promise<number> {
  const { capture, into, columns, limit, cursor } = consumption
  const equals = await readEquality(tx, consumption)
  const start = limit === undefined ? undefined : cursor?.place
  let found = await findNotes(tx, capture, { behind: start ?? front, limit })
  // Younger notes may lie in space that older ones left: only a look from the front says that there are no more.
  const isRest = start !== undefined && limit !== undefined && found.taken < limit
  if (isRest) found = await findNotes(tx, capture, { behind: front, limit })
  if (cursor !== undefined) cursor.place = found.last ?? undefined
  if (found.last === null) return found.taken
  const behind = start === undefined || isRest ? front : start
  // All visible notes in between, in physical order: the same ones in each statement, for they share a snapshot.
  const batch = sql`${sql.raw(logOf(capture))}
      where ctid > ${sql.literal(behind)}::tid
        and ctid <= ${sql.literal(found.last)}::tid`
  const keys = sql.raw(capture.columns.map((_, index) => logColumn(index)).join(', '))
  const changed = sql`(select distinct ${keys} from ${batch}) as changed`
  const copy = sql.ident(into.schema, into.table)
  const list = sql.join(columns.map((column) => sql.ident(column)))
  await tx.query(sql`
    delete from ${copy} as target
    using ${changed}
    where ${sameKey(capture, equals, 'target')}`)
  await tx.query(sql`
    insert into ${copy} (${list})
    overriding system value
    select ${sql.join(columns.map((column) => sql`source.${sql.ident(column)}`))}
    from ${changed}
    join only ${sql.ident(capture.schema, capture.table)} as source on ${sameKey(capture, equals, 'source')}`)
  const { rowCount } = await tx.query(sql`delete from ${batch}`)
  return rowCount
}

/** Before every tuple there is. */
const front = '(0,0)'

interface Found {
  readonly taken: number
  readonly last: string | null
}

/** By a condition on ctid even from the front: a plain scan may begin in the middle (synchronize_seqscans). */
async function findNotes(
  tx: Queryable,
  capture: Capture,
  { behind, limit }: { readonly behind: string; readonly limit: number | undefined },
): Promise<Found> {
  return onlyRow(
    await tx.query<Found>(sql`
      select count(*)::int4 as taken, max(place)::text as last
      from (
        select ctid as place
        from ${sql.raw(logOf(capture))}
        where ctid > ${sql.literal(behind)}::tid
        limit ${limit ?? null}::int8
      ) as found`),
  )
}

interface Equality {
  /** As SQL writes it: the equality by which a unique index of that type tells values apart. */
  readonly operator: string
  /** The copy holds rows where the column is null. */
  readonly nullable: boolean
}

/**
 * By name, `=` would be whatever the role's search_path finds: for a type of an extension that is installed elsewhere
 * (citext) that of another type, which tells values apart that the key does not.
 */
async function readEquality(tx: Queryable, { capture, into }: Consumption): Promise<readonly Equality[]> {
  const { rows } = await tx.query<Equality>(sql`
    select not a.attnotnull as nullable,
      coalesce((
        select format('operator(%I.%s)', n.nspname, o.oprname)
        from pg_opclass c
        join pg_am am on am.oid = c.opcmethod
        join pg_amop m on m.amopfamily = c.opcfamily
          and m.amoplefttype = c.opcintype
          and m.amoprighttype = c.opcintype
          and m.amopstrategy = case am.amname when 'btree' then 3 else 1 end
        join pg_operator o on o.oid = m.amopopr
        join pg_namespace n on n.oid = o.oprnamespace
        where c.opcdefault
          and am.amname in ('btree', 'hash')
          and c.opcintype = t.oid
        order by am.amname
        limit 1
      ), 'operator(pg_catalog.=)') as operator
    from unnest(${capture.columns}::text[]) with ordinality as k (name, place)
    join pg_attribute a on a.attname = k.name and a.attrelid = to_regclass(${quoteQualified(into.schema, into.table)})
    join pg_type d on d.oid = a.atttypid
    join pg_type t on t.oid = case when d.typtype = 'd' then d.typbasetype else d.oid end
    order by k.place`)
  return rows
}

function sameKey(capture: Capture, equals: readonly Equality[], table: string): Sql {
  const conditions = capture.columns.map((column, index) => {
    const { operator, nullable } = equals[index] ?? { operator: 'operator(pg_catalog.=)', nullable: false }
    const own = sql`${sql.raw(table)}.${sql.ident(column)}`
    const noted = sql.raw(`changed.${logColumn(index)}`)
    const same = sql`${own} ${sql.raw(operator)} ${noted}`
    // No index looks for nulls by this; those of the key's other columns do.
    return nullable ? sql`(${same} or (${own} is null and ${noted} is null))` : same
  })
  return sql.join(conditions, ' and ')
}

/** How many notes are visible, counted up to `most`. */
export async function countPending(on: Queryable, capture: Pick<Capture, 'id'>, most: number): Promise<number> {
  const answer = await on.query<{ pending: number }>(
    sql`select count(*)::int4 as pending from (select from ${sql.raw(logOf(capture))} limit ${most}) as found`,
  )
  return onlyRow(answer).pending
}

/** The table was truncated since it is captured, or since `forgetTruncations`. */
export async function wasTruncated(on: Queryable, capture: Pick<Capture, 'id'>): Promise<boolean> {
  const { rows } = await on.query(sql`select from ${sql.raw(truncationsOf(capture))} limit 1`)
  return rows.length > 0
}

/** For whoever begins the copy anew: in the transaction that empties it. */
export async function forgetTruncations(tx: Queryable, capture: Pick<Capture, 'id'>): Promise<void> {
  await tx.query(sql`delete from ${sql.raw(truncationsOf(capture))}`)
  await tx.query(sql`delete from ${sql.raw(logOf(capture))}`)
}
