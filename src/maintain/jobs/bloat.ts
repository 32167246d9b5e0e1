// Which B-trees are larger than their rows need. An estimate from statistics alone, so nothing is read and no extension
// is needed: rows × (width of a key + 12 bytes), at the fill factor. Where equal keys are kept once (deduplication) an index
// is smaller than that, and counts as less bloated than it is: the estimate errs towards leaving an index alone.

import type { Queryable } from '../../db/db.ts'
import { sql } from '../../sql/sql.ts'

export interface BloatOptions {
  /** Smaller ones are not worth the work. */
  readonly minSizeBytes: number
  readonly wastedShare: number
}

export interface BloatedIndex {
  readonly schema: string
  readonly name: string
  readonly tableSchema: string
  readonly table: string
  readonly wastedBytes: number
}

/**
 * The most wasteful first. Of a column without statistics nothing is known, so its index is left out; those of exclusion
 * constraints cannot be rebuilt concurrently. A key is aligned to 8 bytes, its header takes 8, its line pointer 4; of a
 * page 8192 bytes, header (24) and B-tree's own part (16) are not for keys.
 */
export async function readBloated(on: Queryable, options: BloatOptions): Promise<readonly BloatedIndex[]> {
  const { rows } = await on.query<BloatedIndex>(sql`
    with measured as (
      select i.indexrelid, i.indrelid, sum(st.avg_width) as width, count(*) = count(st.avg_width) as is_known
      from pg_index i
      join pg_class c on c.oid = i.indexrelid
      join pg_namespace n on n.oid = c.relnamespace
      join pg_class t on t.oid = i.indrelid
      join pg_attribute ia on ia.attrelid = i.indexrelid
      left join pg_attribute ta on ta.attrelid = i.indrelid and ta.attnum = i.indkey[ia.attnum - 1] and ta.attnum > 0
      left join pg_stats st
        on st.schemaname = n.nspname
        and not st.inherited
        and (st.tablename, st.attname) in ((t.relname, ta.attname), (c.relname, ia.attname))
      where c.relkind = 'i'
        and c.relam = (select oid from pg_am where amname = 'btree')
        and c.relpages >= ${options.minSizeBytes}::float8 / 8192
        and i.indisvalid
        and not i.indisexclusion
        and t.relpersistence <> 't'
        and pg_has_role(c.relowner, 'usage')
        and n.nspname !~ '^pg_'
      group by i.indexrelid, i.indrelid
    ), estimated as (
      select measured.*, c.relpages,
        ceil(
          c.reltuples * (12 + 8 * ceil(width / 8.0))
          / ((8192 - 40) * coalesce((select option_value::float8 from pg_options_to_table(c.reloptions)
            where option_name = 'fillfactor'), 90) / 100)
        ) as pages
      from measured
      join pg_class c on c.oid = measured.indexrelid
      where is_known
        and c.reltuples > 0
    )
    select n.nspname::text as schema, c.relname::text as name, tn.nspname::text as "tableSchema",
      t.relname::text as "table", ((estimated.relpages - estimated.pages) * 8192)::float8 as "wastedBytes"
    from estimated
    join pg_class c on c.oid = estimated.indexrelid
    join pg_namespace n on n.oid = c.relnamespace
    join pg_class t on t.oid = estimated.indrelid
    join pg_namespace tn on tn.oid = t.relnamespace
    where estimated.relpages - estimated.pages > ${options.wastedShare}::float8 * estimated.relpages
      and not exists (
        select from pgstrata.table_mark m
        where (m.purpose, m.schema_name, m.table_name) = ('reindex', n.nspname, c.relname)
          and m.marked_at > clock_timestamp() - interval '7 days'
      )
    order by 5 desc
    limit 1`)
  return rows
}
