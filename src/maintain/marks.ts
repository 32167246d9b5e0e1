// What a job saw of a table when it last looked (pgstrata.table_mark): statistics count up, and only a difference tells
// what happened since.

import type { Queryable } from '../db/db.ts'
import { sql } from '../sql/sql.ts'

export type Purpose = 'analyze' | 'freeze' | 'reindex'

export interface TableMark {
  readonly schema: string
  readonly table: string
  readonly changes: number
}

/** The mark begins anew only where the count is another. */
export async function markTable(on: Queryable, purpose: Purpose, mark: TableMark): Promise<void> {
  await on.query(sql`
    insert into pgstrata.table_mark as m (purpose, schema_name, table_name, changes)
    values (${purpose}, ${mark.schema}, ${mark.table}, ${Math.round(mark.changes)})
    on conflict (purpose, schema_name, table_name) do update
    set changes = excluded.changes, marked_at = clock_timestamp()`)
}

const mostForgotten = 10_000

/** Marks of tables (or indexes) that are gone. */
export async function forgetMarks(on: Queryable): Promise<void> {
  await on.query(sql`
    delete from pgstrata.table_mark
    where ctid = any (array(
      select ctid
      from pgstrata.table_mark m
      where not exists (
        select from pg_class c
        join pg_namespace n on n.oid = c.relnamespace
        where n.nspname = m.schema_name
          and c.relname = m.table_name
      )
      limit ${mostForgotten}
    ))`)
}
