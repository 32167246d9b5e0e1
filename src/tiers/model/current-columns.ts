// The columns of a table as they are now, with what rows have in them that are older than they are: rows that are packed or archived,
// and have no place for them.
//
// What holds: once a table was applied with a column, that value is what was noted then. The server keeps it for a partition only until
// something rewrites that partition, and a dump does not have it.

import type { Queryable } from '../../db/db.ts'
import { sql } from '../../sql/sql.ts'
import { readSourceColumns, type SourceColumn } from './columns.ts'
import { numbersHere, tableOf } from './numbers.ts'

export async function readCurrentColumns(on: Queryable, table: number): Promise<readonly SourceColumn[]> {
  const columns = await readSourceColumns(on, table)
  const noted = await readNoted(on, table)
  const live = columns.every(({ attnum }) => noted.has(attnum)) ? new Map<string, string>() : await readLive(on, table)
  const complete: SourceColumn[] = []
  for (const column of columns) {
    const known = noted.get(column.attnum)
    const missing = known === undefined ? (column.missing ?? live.get(column.name)) : await asTyped(on, known, column)
    complete.push({ ...column, missing })
  }
  return complete
}

interface Noted {
  readonly type: string
  readonly missing: string | null
}

/** By number. None: it has no tiers. */
async function readNoted(on: Queryable, table: number): Promise<ReadonlyMap<number, Noted>> {
  const present = await on.query(sql`select where to_regclass('pgstrata.tier_table') is not null`)
  if (present.rows.length === 0) return new Map()
  const { rows } = await on.query<Noted & { attnum: number }>(sql`
    select (kept ->> 'attnum')::int4 as attnum, kept ->> 'type' as type, kept ->> 'missing' as missing
    from pgstrata.tier_table t
    cross join lateral jsonb_array_elements(${sql.raw(numbersHere('t.columns', 'attnum'))}) as kept
    where (${tableOf})::oid = ${table}::oid`)
  return new Map(rows.map(({ attnum, ...noted }) => [attnum, noted]))
}

const style = sql`set_config('DateStyle', 'ISO, YMD', true) || set_config('IntervalStyle', 'postgres', true)`

/** Of partitions that were there when a column came, and were not rewritten since. */
async function readLive(on: Queryable, table: number): Promise<ReadonlyMap<string, string>> {
  const { rows } = await on.query<{ name: string; missing: string }>(sql`
    with settings as materialized (
      select ${style} as style
    )
    select distinct on (a.attname) a.attname::text as name, array_to_string(a.attmissingval, '') || left(settings.style, 0) as missing
    from settings
    cross join pg_partition_tree(${table}::oid) t
    join pg_attribute a on a.attrelid = t.relid
    where a.atthasmissing
      and not a.attisdropped
    order by a.attname, a.attrelid`)
  return new Map(rows.map(({ name, missing }) => [name, missing]))
}

/** A column may have got another type since. */
async function asTyped(on: Queryable, { type, missing }: Noted, column: SourceColumn): Promise<string | undefined> {
  if (missing === null || type === column.type) return missing ?? undefined
  const { rows } = await on.query<{ value: string }>(sql`
    with settings as materialized (
      select ${style} as style
    )
    select ${missing}::${sql.raw(type)}::${sql.raw(column.type)}::text || left(style, 0) as value
    from settings`)
  return rows[0]?.value
}
