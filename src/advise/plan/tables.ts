// What the catalog and its statistics say of tables: sizes, columns, indexes. Three questions for any number of tables (32 at
// most). The most common values come along, to look selectivities up in; they go into no message.

import type { Queryable } from '../../db/db.ts'
import { quoteQualified } from '../../sql/quote.ts'
import { sql } from '../../sql/sql.ts'

export interface ColumnFacts {
  readonly name: string
  /** 'text', 'int4', '_text' for an array: its bare name in pg_type. */
  readonly type: string
  /** Of pg_type: 'S' strings, 'D' dates and times, 'A' arrays, 'R' ranges, 'B' booleans … */
  readonly category: string
  /** Compares byte by byte: LIKE 'x%' then needs no operator class of its own. */
  readonly isBytewise: boolean
  readonly isNotNull: boolean
  /** A domain, a composite, or a type of an extension is none of those below. */
  readonly isPlainType: boolean
  /** The rest: undefined where the column was never analyzed, or may not be read. */
  readonly stats: ColumnStats | undefined
}

export interface ColumnStats {
  /** As a number of values, of all rows. */
  readonly distinct: number
  readonly nullFraction: number
  readonly widthBytes: number
  /** -1 to 1; undefined where the type has no order. */
  readonly correlation: number | undefined
  readonly common: readonly { readonly value: string; readonly frequency: number }[]
}

export interface IndexKey {
  /** As the server prints it: "genre", "lower(email)". */
  readonly definition: string
  /** undefined: an expression. */
  readonly column: string | undefined
  readonly operatorClass: string
  readonly isDefaultClass: boolean
  readonly descending: boolean
  readonly nullsFirst: boolean
}

export interface IndexFacts {
  readonly name: string
  readonly method: string
  readonly isUnique: boolean
  readonly isValid: boolean
  readonly predicate: string | undefined
  readonly keys: readonly IndexKey[]
  readonly include: readonly string[]
  readonly sizeBytes: number
}

export interface TableFacts {
  readonly oid: string
  readonly schema: string
  readonly name: string
  readonly isPartitioned: boolean
  /** As of the last ANALYZE or VACUUM, over all partitions; undefined: never. */
  readonly rows: number | undefined
  readonly pages: number
  readonly sizeBytes: number
  readonly visibleFraction: number
  /** Of those that were counted when it was last analyzed, how many rows changed since; undefined: no such statistics. */
  readonly changedRows: number | undefined
  /** Beyond which autovacuum analyzes it. */
  readonly analyzeBeyondRows: number
  readonly hotRatio: number | undefined
  /** Of each page, how many percent new rows fill. */
  readonly fillfactor: number
  /** Said by the table itself. */
  readonly ownFillfactor: boolean
  readonly columns: readonly ColumnFacts[]
  readonly indexes: readonly IndexFacts[]
}

export interface TableName {
  /** undefined: it is found by search_path. */
  readonly schema: string | undefined
  readonly name: string
}

const maxTables = 32

/** In the order of the names; undefined: there is no such table, or it is none (a view, say). */
export async function readTables(
  on: Queryable,
  names: readonly TableName[],
): Promise<readonly (TableFacts | undefined)[]> {
  const asked = names
    .slice(0, maxTables)
    .map(({ schema, name }) => quoteQualified(...(schema === undefined ? [] : [schema]), name))
  if (asked.length === 0) return []
  const { rows: found } = await on.query<{ oid: string | null }>(sql`
    select c.oid::text as oid
    from unnest(${asked}::text[]) with ordinality as asked (name, place)
    left join pg_class c on c.oid = to_regclass(asked.name) and c.relkind in ('r', 'p', 'm')
    order by asked.place`)
  const oids = [...new Set(found.flatMap(({ oid }) => oid ?? []))]
  if (oids.length === 0) return asked.map(() => undefined)
  const tables = await readSizes(on, oids)
  const columns = await readColumns(on, oids)
  const indexes = await readIndexes(on, oids)
  return found.map(({ oid }) => {
    const table = tables.find((one) => one.oid === oid)
    if (table === undefined) return undefined
    const rows = table.rows ?? 0
    return {
      ...table,
      rows: table.rows ?? undefined,
      changedRows: table.changedRows ?? undefined,
      hotRatio: table.hotRatio ?? undefined,
      columns: columns.filter((column) => column.oid === oid).map((column) => toColumn(column, rows)),
      indexes: indexes.filter((index) => index.oid === oid).map(toIndex),
    }
  })
}

interface SizeRow {
  readonly oid: string
  readonly schema: string
  readonly name: string
  readonly isPartitioned: boolean
  readonly rows: number | null
  readonly pages: number
  readonly sizeBytes: number
  readonly visibleFraction: number
  readonly changedRows: number | null
  readonly analyzeBeyondRows: number
  readonly hotRatio: number | null
  readonly fillfactor: number
  readonly ownFillfactor: boolean
}

async function readSizes(on: Queryable, oids: readonly string[]): Promise<readonly SizeRow[]> {
  const { rows } = await on.query<SizeRow>(sql`
    select c.oid::text as oid, n.nspname::text as schema, c.relname::text as name, c.relkind = 'p' as "isPartitioned",
      case when bool_or(leaf.reltuples >= 0) then sum(greatest(leaf.reltuples, 0))::float8 end as rows,
      coalesce(sum(leaf.relpages), 0)::float8 as pages,
      coalesce(sum(pg_relation_size(leaf.oid)), 0)::float8 as "sizeBytes",
      coalesce(sum(leaf.relallvisible)::float8 / nullif(sum(leaf.relpages), 0), 0) as "visibleFraction",
      sum(seen.n_mod_since_analyze)::float8 as "changedRows",
      (coalesce((select o.option_value from pg_options_to_table(c.reloptions) o where o.option_name = 'autovacuum_analyze_threshold'),
        current_setting('autovacuum_analyze_threshold'))::float8
        + coalesce((select o.option_value from pg_options_to_table(c.reloptions) o where o.option_name = 'autovacuum_analyze_scale_factor'),
        current_setting('autovacuum_analyze_scale_factor'))::float8
        * coalesce(sum(greatest(leaf.reltuples, 0)), 0))::float8 as "analyzeBeyondRows",
      sum(seen.n_tup_hot_upd)::float8 / nullif(sum(seen.n_tup_upd), 0) as "hotRatio",
      coalesce((select o.option_value from pg_options_to_table(c.reloptions) o where o.option_name = 'fillfactor')::float8, 100) as fillfactor,
      exists (select from pg_options_to_table(c.reloptions) o where o.option_name = 'fillfactor') as "ownFillfactor"
    from pg_class c
    join pg_namespace n on n.oid = c.relnamespace
    cross join lateral (
      select c.oid where c.relkind <> 'p'
      union all
      select tree.relid from pg_partition_tree(c.oid) tree where c.relkind = 'p' and tree.isleaf
    ) as part (oid)
    join pg_class leaf on leaf.oid = part.oid
    left join pg_stat_all_tables seen on seen.relid = part.oid
    where c.oid = any (${oids}::oid[])
    group by c.oid, n.nspname`)
  return rows
}

interface ColumnRow {
  readonly oid: string
  readonly name: string
  readonly type: string
  readonly category: string
  readonly isBytewise: boolean
  readonly isNotNull: boolean
  readonly isPlainType: boolean
  readonly distinct: number | null
  readonly nullFraction: number | null
  readonly widthBytes: number | null
  readonly correlation: number | null
  readonly commonValues: readonly string[] | null
  readonly commonFrequencies: readonly number[] | null
}

async function readColumns(on: Queryable, oids: readonly string[]): Promise<readonly ColumnRow[]> {
  const { rows } = await on.query<ColumnRow>(sql`
    select a.attrelid::text as oid, a.attname::text as name, t.typname::text as type, t.typcategory::text as category,
      a.attcollation = 0 or l.collcollate in ('C', 'POSIX')
        or (l.collprovider = 'd' and (select d.datcollate in ('C', 'POSIX') from pg_database d where d.datname = current_database()))
        as "isBytewise",
      a.attnotnull as "isNotNull", t.typtype in ('b', 'e', 'r', 'm') as "isPlainType",
      s.n_distinct::float8 as distinct, s.null_frac::float8 as "nullFraction", s.avg_width::float8 as "widthBytes",
      s.correlation::float8 as correlation, s.most_common_vals::text::text[] as "commonValues",
      s.most_common_freqs::float8[] as "commonFrequencies"
    from pg_attribute a
    join pg_class c on c.oid = a.attrelid
    join pg_namespace n on n.oid = c.relnamespace
    join pg_type t on t.oid = a.atttypid
    left join pg_collation l on l.oid = a.attcollation
    left join pg_stats s on s.schemaname = n.nspname and s.tablename = c.relname and s.attname = a.attname
      and s.inherited = (c.relkind = 'p')
    where a.attrelid = any (${oids}::oid[]) and a.attnum > 0 and not a.attisdropped
    order by a.attrelid, a.attnum`)
  return rows
}

function toColumn(row: ColumnRow, rows: number): ColumnFacts {
  const { distinct, commonValues: values, commonFrequencies: frequencies } = row
  const stats: ColumnStats | undefined =
    distinct === null
      ? undefined
      : {
          // Below zero it is a share of the rows.
          distinct: Math.max(1, distinct < 0 ? -distinct * rows : distinct),
          nullFraction: row.nullFraction ?? 0,
          widthBytes: row.widthBytes ?? 8,
          correlation: row.correlation ?? undefined,
          common: (values ?? []).map((value, index) => ({ value, frequency: frequencies?.[index] ?? 0 })),
        }
  const { name, type, category, isBytewise, isNotNull, isPlainType } = row
  return { name, type, category, isBytewise, isNotNull, isPlainType, stats }
}

interface IndexRow {
  readonly oid: string
  readonly name: string
  readonly method: string
  readonly isUnique: boolean
  readonly isValid: boolean
  readonly predicate: string | null
  readonly keys: readonly (Omit<IndexKey, 'column'> & { readonly column: string | null })[]
  readonly include: readonly string[]
  readonly sizeBytes: number
}

async function readIndexes(on: Queryable, oids: readonly string[]): Promise<readonly IndexRow[]> {
  const { rows } = await on.query<IndexRow>(sql`
    select i.indrelid::text as oid, c.relname::text as name, m.amname::text as method, i.indisunique as "isUnique",
      i.indisvalid as "isValid", pg_get_expr(i.indpred, i.indrelid) as predicate,
      pg_relation_size(c.oid)::float8 as "sizeBytes",
      coalesce((
        select jsonb_agg(jsonb_build_object(
          'definition', pg_get_indexdef(i.indexrelid, k.place::int, true),
          'column', a.attname,
          'operatorClass', o.opcname,
          'isDefaultClass', o.opcdefault,
          'descending', i.indoption[k.place - 1] & 1 = 1,
          'nullsFirst', i.indoption[k.place - 1] & 2 = 2
        ) order by k.place)
        from generate_series(1, i.indnkeyatts) as k (place)
        join pg_opclass o on o.oid = i.indclass[k.place - 1]
        left join pg_attribute a on a.attrelid = i.indrelid and a.attnum = i.indkey[k.place - 1] and a.attnum > 0
      ), '[]') as keys,
      coalesce((
        select jsonb_agg(a.attname order by k.place)
        from generate_series(i.indnkeyatts + 1, i.indnatts) as k (place)
        join pg_attribute a on a.attrelid = i.indrelid and a.attnum = i.indkey[k.place - 1]
      ), '[]') as include
    from pg_index i
    join pg_class c on c.oid = i.indexrelid
    join pg_am m on m.oid = c.relam
    where i.indrelid = any (${oids}::oid[])
    order by i.indrelid, c.relname`)
  return rows
}

function toIndex(row: IndexRow): IndexFacts {
  const { name, method, isUnique, isValid, include, sizeBytes } = row
  return {
    name,
    method,
    isUnique,
    isValid,
    include,
    sizeBytes,
    predicate: row.predicate ?? undefined,
    keys: row.keys.map((key) => ({ ...key, column: key.column ?? undefined })),
  }
}
