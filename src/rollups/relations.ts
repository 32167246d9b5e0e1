// The relations of a source on which capture stands: itself, or every partition of its tree down to the leaves.

import type { Queryable } from '../db/db.ts'
import { quoteQualified } from '../sql/quote.ts'
import { sql } from '../sql/sql.ts'
import type { Relation, Source } from './capture.ts'

export async function readRelations(on: Queryable, source: Source): Promise<readonly Relation[]> {
  const { rows } = await on.query<{ schema: string; name: string; leaf: boolean }>(sql`
    select n.nspname::text as schema, c.relname::text as name, c.relkind = 'r' as leaf
    from pg_class c
    join pg_namespace n on n.oid = c.relnamespace
    where c.relkind in ('r', 'p')
      and (c.oid = ${quoteQualified(source.schema, source.table)}::regclass
        or c.oid in (select relid from pg_partition_tree(${quoteQualified(source.schema, source.table)}::regclass)))
    order by c.relkind <> 'p', n.nspname, c.relname`)
  return rows.map(({ schema, name, leaf }) => ({ name: quoteQualified(schema, name), leaf }))
}
