// Publications that take in every table, or every one of a schema, as soon as it is made: a table that is only made to move rows
// would be told to their subscribers by its own name, row by row.

import type { Queryable } from '../db/db.ts'
import { sql } from '../sql/sql.ts'

/** The name of one that tells of inserts into any new table of these schemas. */
export async function findWholePublication(on: Queryable, schemas: readonly string[]): Promise<string | undefined> {
  const { rows } = await on.query<{ name: string }>(sql`
    select p.pubname::text as name
    from pg_publication p
    where p.pubinsert
      and (p.puballtables or exists (
        select
        from pg_publication_namespace s
        join pg_namespace n on n.oid = s.pnnspid
        where s.pnpubid = p.oid
          and n.nspname = any(${schemas}::text[])
      ))
    order by p.pubname
    limit 1`)
  return rows[0]?.name
}
