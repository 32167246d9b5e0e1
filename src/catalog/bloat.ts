// What tables and B-trees take beyond what their rows need, by the statistics of the planner: an estimate. No page of them is read, no
// lock on them is taken, no extension is needed.
//
// What must be true: of what was never analysed, and of columns that the role may not read, nothing is known, and nothing is said. Rows and
// pages are those of the same look (VACUUM, ANALYZE, REINDEX note both), so that what grew since then is not taken for bloat. Where it errs,
// it errs towards less bloat.

import { sql, type Sql } from '../sql/sql.ts'

/** One row: its size when it was looked at last. */
export interface Bloat {
  readonly schema: string
  readonly name: string
  /** Of an index, its table; of a table, itself. */
  readonly tableSchema: string
  readonly table: string
  readonly sizeBytes: number
  readonly wastedBytes: number
  /** From 0 to 1. */
  readonly wastedRatio: number
}

export interface BloatScope {
  /** Of pg_class c in pg_namespace n; of indexes pg_index i, besides. */
  readonly where: Sql
  /** Smaller ones are not looked at. */
  readonly leastSizeBytes: number
  /** What could be given back, at least; undefined: however much it is. */
  readonly leastWastedBytes?: number | undefined
  /** Undefined: whatever share it is. */
  readonly leastRatio?: number | undefined
}

const block = sql`current_setting('block_size')::float8`

function optionOf(name: string): Sql {
  return sql`(select o.option_value from pg_options_to_table(c.reloptions) o where o.option_name = ${name}::text)`
}

function isEnough({ leastWastedBytes, leastRatio }: Omit<BloatScope, 'where' | 'leastSizeBytes'>): Sql {
  return sql`(${leastWastedBytes ?? null}::float8 is null or size - needed >= ${leastWastedBytes ?? null})
      and (${leastRatio ?? null}::float8 is null or 1 - needed / size >= ${leastRatio ?? null})`
}

/** The most wasteful first. */
export function bloatedTables({ where, leastSizeBytes, ...least }: BloatScope): Sql {
  return sql`
    with large as (
      select c.oid, n.nspname, c.relname, c.reltuples, c.relpages * ${block} as size, ${block} as block,
        coalesce(${optionOf('fillfactor')}::float8, 100) / 100 as filled
      from pg_class c
      join pg_namespace n on n.oid = c.relnamespace
      where c.relkind in ('r', 'm')
        and c.reltuples >= 0
        and c.relpages > 0
        and c.relpages * ${block} >= ${leastSizeBytes}::float8
        and ${where}
    ), measured as (
      select l.*, w.width, w.columns, w.nulls, a.attributes, a.stored
      from large l
      cross join lateral (
        select sum((1 - s.null_frac) * s.avg_width)::float8 as width, count(*) as columns, bool_or(s.null_frac > 0) as nulls
        from pg_stats s
        where s.schemaname = l.nspname
          and s.tablename = l.relname
          and not s.inherited
      ) w
      -- Nothing is kept of a virtual column but a null, and ANALYZE passes it over.
      cross join lateral (
        select count(*) as attributes, count(*) filter (where attgenerated <> 'v') as stored
        from pg_attribute
        where attrelid = l.oid
          and attnum > 0
          and not attisdropped
      ) a
    ), judged as (
      -- 24 bytes of header (more with a bitmap of nulls), all aligned to 8; 4 of a pointer to it; 24 of the page's own.
      select m.nspname, m.relname, m.size,
        m.block * ceil(
          m.reltuples * (ceil((24 + case when m.nulls or m.stored < m.attributes then ceil(m.attributes / 8.0) else 0 end + m.width) / 8) * 8 + 4)
            / ((m.block - 24) * m.filled)
        ) as needed
      from measured m
      where m.columns = m.stored
    )
    select nspname::text as schema, relname::text as name, nspname::text as "tableSchema", relname::text as "table",
      size as "sizeBytes", size - needed as "wastedBytes", 1 - needed / size as "wastedRatio"
    from judged
    where ${isEnough(least)}
    order by "wastedBytes" desc, nspname, relname`
}

/**
 * The same of B-trees. An entry has 8 bytes of header, is aligned to 8, and has a pointer of 4; a page has 24 and 16 of its own (chapter
 * 66.4). Equal keys share an entry, with 6 bytes for each row, where the index may do so.
 */
export function bloatedIndexes({ where, leastSizeBytes, ...least }: BloatScope): Sql {
  return sql`
    with large as (
      select c.oid, n.nspname, c.relname, c.reltuples, c.relpages * ${block} as size, ${block} as block, i.indrelid, i.indkey,
        i.indnatts, i.indpred is not null as "isPartial", t.reltuples as "tableRows", t.relname as "table", tn.nspname as "tableSchema",
        coalesce(${optionOf('fillfactor')}::float8, 90) / 100 as filled,
        not i.indisunique and i.indnatts = i.indnkeyatts and coalesce(${optionOf('deduplicate_items')}::bool, true) as "mayShare"
      from pg_index i
      join pg_class c on c.oid = i.indexrelid
      join pg_namespace n on n.oid = c.relnamespace
      join pg_class t on t.oid = i.indrelid
      join pg_namespace tn on tn.oid = t.relnamespace
      join pg_am am on am.oid = c.relam
      where c.relkind = 'i'
        and am.amname = 'btree'
        and i.indisvalid
        and c.reltuples >= 0
        and c.relpages > 0
        and c.relpages * ${block} >= ${leastSizeBytes}::float8
        and ${where}
    ), measured as (
      select l.*, w.width, w.columns, w.spread, l."mayShare" and w.equal as shares
      from large l
      cross join lateral (
        select count(s.avg_width) as columns,
          -- Statistics are of all rows of the table: those that are in part of it may be those without nulls.
          sum(case when l."isPartial" then s.avg_width else (1 - s.null_frac) * s.avg_width end)::float8 as width,
          -- Distinct values at the most: of several columns all combinations.
          exp(least(sum(ln(greatest(case when s.n_distinct < 0 then -s.n_distinct * l."tableRows" else s.n_distinct end, 1))), 600))::float8 as spread,
          -- What is equal there may look different, so it is kept once for each row.
          bool_and(y.typtype in ('b', 'e', 'd') and y.typcategory <> 'A' and y.typname not in ('numeric', 'float4', 'float8', 'jsonb')
            and coalesce(o.collisdeterministic, true)) as equal
        from pg_attribute a
        join pg_type y on y.oid = a.atttypid
        left join pg_collation o on o.oid = a.attcollation
        left join pg_attribute b on b.attrelid = l.indrelid and b.attnum = l.indkey[a.attnum - 1] and b.attnum > 0
        left join pg_stats s
          on not s.inherited
          and (s.schemaname, s.tablename, s.attname) in ((l."tableSchema", l."table", b.attname), (l.nspname, l.relname, a.attname))
        where a.attrelid = l.oid
      ) w
    ), judged as (
      select m.*,
        m.block * (1 + ceil(
          case when m.shares and m.spread < m.reltuples / 2
            then m.reltuples * 6 + m.spread * (ceil((8 + m.width) / 8) * 8 + 4)
            else m.reltuples * (ceil((8 + m.width) / 8) * 8 + 4)
          end / ((m.block - 40) * m.filled)
        )) as needed
      from measured m
      where m.columns = m.indnatts
    )
    select nspname::text as schema, relname::text as name, "tableSchema"::text as "tableSchema", "table"::text as "table",
      size as "sizeBytes", size - needed as "wastedBytes", 1 - needed / size as "wastedRatio"
    from judged
    where ${isEnough(least)}
    order by "wastedBytes" desc, nspname, relname`
}
