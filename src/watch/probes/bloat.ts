// What tables and b-tree indexes take beyond what their rows need, by the statistics of the planner: an estimate, and no page
// of them is read. Of tables that were never analysed, and of columns the role may not read, nothing is known.

import { sql } from '../../sql/sql.ts'
import type { ServerProbe } from '../model/server-probe.ts'
import { available, gauge } from './metrics.ts'

const most = 20
/** Below that nobody rewrites anything. */
const leastBytes = 1024 * 1024
const byRelation = { labels: ['kind', 'schema', 'name'], most: 2 * most }

export const bloatProbe: ServerProbe = {
  name: 'bloat',
  question: 'Which tables and indexes take more than their rows need?',
  everyMs: 3_600_000,
  limitMs: 10_000,
  of: 'primary',
  metrics: [
    gauge('pgstrata_bloat_bytes', 'Bytes beyond what rows need, estimated.', byRelation),
    gauge('pgstrata_bloat_ratio', 'The same as a share of the table or index.', byRelation),
  ],
  unavailable: available,
  read: async ({ on }) => {
    const { rows } = await on.query<{ kind: string; schema: string; name: string; bytes: number; wasted: number }>(
      statement,
    )
    return {
      points: rows.flatMap(({ kind, schema, name, bytes, wasted }) => [
        { metric: 'pgstrata_bloat_bytes', labels: [kind, schema, name], value: wasted },
        { metric: 'pgstrata_bloat_ratio', labels: [kind, schema, name], value: wasted / bytes },
      ]),
    }
  },
}

// A row has 23 bytes before it (24 with alignment) and 4 in its page's list, a page 24; a row of a b-tree 8 and 4, a page 24 and
// 16 at its end, filled to 90 % where nothing else is said (chapter 66.6). Repeated keys of b-trees share one entry, which the
// estimate does not know: it may find less bloat than there is, never more on that account.
const statement = sql`
  with widths as (
    select s.starelid, s.staattnum, sum((1 - s.stanullfrac) * s.stawidth) as width
    from (
      select c.oid as starelid, a.attnum as staattnum, p.null_frac as stanullfrac, p.avg_width as stawidth
      from pg_stats p
      join pg_namespace n on n.nspname = p.schemaname
      join pg_class c on c.relname = p.tablename and c.relnamespace = n.oid
      join pg_attribute a on a.attrelid = c.oid and a.attname = p.attname
      where p.schemaname not in ('pg_catalog', 'information_schema', 'pgstrata')
        and not p.inherited
    ) as s
    group by 1, 2
  ), tables as (
    select 'table' as kind, c.oid, c.relnamespace, c.relname, c.relpages, c.reltuples,
      (select sum(width) from widths w where w.starelid = c.oid) as width,
      (select count(*) from widths w where w.starelid = c.oid) as known,
      (select count(*) from pg_attribute a where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped) as columns,
      coalesce((select option_value::float8 from pg_options_to_table(c.reloptions) where option_name = 'fillfactor'), 100) / 100 as fill,
      28.0 as overhead, 24.0 as page_overhead
    from pg_class c
    where c.relkind in ('r', 'm')
  ), indexes as (
    select 'index' as kind, c.oid, c.relnamespace, c.relname, c.relpages, c.reltuples,
      (select sum(width) from widths w where w.starelid = i.indrelid and w.staattnum = any (i.indkey::int2[])) as width,
      (select count(*) from widths w where w.starelid = i.indrelid and w.staattnum = any (i.indkey::int2[])) as known,
      i.indnatts::int8 as columns,
      coalesce((select option_value::float8 from pg_options_to_table(c.reloptions) where option_name = 'fillfactor'), 90) / 100 as fill,
      12.0 as overhead, 40.0 as page_overhead
    from pg_index i
    join pg_class c on c.oid = i.indexrelid
    join pg_am m on m.oid = c.relam
    where m.amname = 'btree'
      and i.indpred is null
  ), needed as (
    select r.kind, r.relnamespace, r.relname, r.relpages,
      greatest(1, ceil(r.reltuples * (r.overhead + 8 * ceil(r.width / 8)) / ((b.size - r.page_overhead) * r.fill))) as pages, b.size
    from (select * from tables union all select * from indexes) as r
    cross join (select current_setting('block_size')::float8 as size) as b
    where r.reltuples > 0
      and r.known = r.columns
  ), wasted as (
    select e.kind, n.nspname as schema, e.relname as name, e.relpages * e.size as bytes, (e.relpages - e.pages) * e.size as wasted,
      row_number() over (partition by e.kind order by e.relpages - e.pages desc, e.relname) as place
    from needed e
    join pg_namespace n on n.oid = e.relnamespace
    where (e.relpages - e.pages) * e.size >= ${leastBytes}
  )
  select kind, schema, name, bytes::float8, wasted::float8
  from wasted
  where place <= ${most}`
