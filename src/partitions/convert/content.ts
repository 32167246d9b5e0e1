// The content of a table as two numbers: how many rows it has, and the sum of their hashes, in whatever order they are read.
//
// Promise: two tables with the same columns have the same content only if every value is the same, bit for bit as far as its
// type shows it. A type's own hash is that of its equality, and 1.0 and 1.00, 0 and -0, a day and 24 hours are equal: it is
// taken only where equal values look the same (three times as fast), else that of the value's text.

import { onlyRow, type Queryable, type Session } from '../../db/db.ts'
import { quoteIdent } from '../../sql/quote.ts'
import { sql } from '../../sql/sql.ts'
import type { ConversionRecord } from './record.ts'

export interface Content {
  readonly rows: string
  readonly hash: string
}

/** For `set local`, in front of it: texts that say all of a value. */
export const contentSettings =
  "set local extra_float_digits = 3; set local intervalstyle = 'postgres'; set local datestyle = 'ISO'; set local row_security = off"

const exactTypes: readonly string[] = [
  'bool',
  'bytea',
  'char',
  'date',
  'int2',
  'int4',
  'int8',
  'name',
  'oid',
  'text',
  'time',
  'timestamp',
  'timestamptz',
  'uuid',
  'varchar',
]

/** An expression over the columns that are carried over: the hash of a row. */
export async function readRowHash(on: Queryable, { facts }: ConversionRecord): Promise<string> {
  const { rows } = await on.query<{ name: string; exact: boolean }>(sql`
    select a.attname::text as name,
      t.typtype = 'e'
        or (t.typnamespace = 'pg_catalog'::regnamespace and t.typname = any(${exactTypes}::text[]) and coalesce(l.collisdeterministic, true)) as exact
    from pg_attribute a
    join pg_type d on d.oid = a.atttypid
    join pg_type t on t.oid = case when d.typtype = 'd' then d.typbasetype else d.oid end
    left join pg_collation l on l.oid = a.attcollation
    where a.attrelid = ${facts.oid}::int8::oid
      and a.attname::text = any(${facts.columns}::text[])
    order by a.attnum`)
  const values = rows.map(({ name, exact }) =>
    exact ? quoteIdent(name) : `format('%L', ${quoteIdent(name)}) collate pg_catalog."C"`,
  )
  return `hash_record_extended(row(${values.join(', ')}), 0)`
}

export async function readContent(
  tx: Session,
  relation: string,
  { rowHash, condition = 'true' }: { readonly rowHash: string; readonly condition?: string },
): Promise<Content> {
  return onlyRow(
    await tx.query<Content>(
      sql.raw(
        `select count(*)::text as rows, coalesce(sum(${rowHash}), 0)::text as hash from ${relation} where ${condition}`,
      ),
    ),
  )
}
