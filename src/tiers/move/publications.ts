// Publications, by which the server tells subscribers of single rows and of the tables in which they are.
//
// What must be true: no subscriber is told of a row that only moves, nor of a table that a move makes for itself.

import { StrataError } from '../../base/errors.ts'
import type { Queryable } from '../../db/db.ts'
import { findWholePublication } from '../../partitions/for-tiers.ts'
import { quoteQualified } from '../../sql/quote.ts'
import { sql } from '../../sql/sql.ts'

/** Tables that a move makes would be told to subscribers by their own names, row by row. `into`: where it makes them. */
export async function requireUnpublished(
  on: Queryable,
  { into, schema, table }: { readonly into: readonly string[]; readonly schema: string; readonly table: string },
): Promise<void> {
  const found = await findWholePublication(on, into)
  if (found === undefined) return
  throw new StrataError('TIER_REFUSED', {
    message: `Publication "${found}" has every table, and would send its subscribers the rows of ${quoteQualified(schema, table)} a second time while they are moved`,
    advice: 'Publish the tables by their names, with publish_via_partition_root = true.',
  })
}

/** The feed's own: its readers know that an insert can be told twice. */
const own = ['pgstrata_feed', 'pgstrata_feed_inserts']

/** One that tells of such changes of a partition, whatever name it tells them by. */
export async function findPublication(
  on: Queryable,
  oid: number,
  { of, withOwn }: { readonly of: 'insert' | 'delete'; readonly withOwn: boolean },
): Promise<string | undefined> {
  const { rows } = await on.query<{ name: string }>(sql`
    select p.pubname::text as name
    from pg_publication p
    join pg_publication_tables t on t.pubname = p.pubname
    join pg_namespace n on n.nspname = t.schemaname
    join pg_class c on c.relnamespace = n.oid and c.relname = t.tablename
    where c.oid in (select relid from pg_partition_ancestors(${oid}::oid) as above (relid))
      and case ${of}::text when 'insert' then p.pubinsert else p.pubdelete end
      and not (p.pubname = any(${withOwn ? [] : own}::text[]))
    order by p.pubname
    limit 1`)
  return rows[0]?.name
}
