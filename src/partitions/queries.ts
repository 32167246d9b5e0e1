// How a table is now: what kind of relation, its columns and keys, and, where it is partitioned, every partition down to its
// leaves. Reads the catalog alone, but for the question whether a table has any row, and which id is its largest.

import type { Queryable, Session } from '../db/db.ts'
import { neverNull } from '../db/not-null.ts'
import { quoteQualified } from '../sql/quote.ts'
import { sql } from '../sql/sql.ts'
import type { PartitionedTable } from './options.ts'
import type { TableTraits } from './template.ts'

export interface ColumnState {
  readonly name: string
  /** timestamptz, int8, …: the type below a domain, as pg_type calls it. */
  readonly type: string
  /** As SQL writes it. */
  readonly shown: string
  readonly notNull: boolean
  readonly generated: 'no' | 'stored' | 'virtual'
  /** Its statistics target; −1: the default. */
  readonly statistics: number
}

/** A unique index: the columns are null where it holds an expression, or only some of the rows. */
interface UniqueKey {
  readonly name: string
  readonly primary: boolean
  readonly columns: readonly string[] | null
}

interface PartitionKey {
  readonly strategy: 'range' | 'list' | 'hash'
  /** Null for an expression. */
  readonly columns: readonly (string | null)[]
}

export interface TableState {
  readonly oid: number
  readonly kind: 'table' | 'partitioned' | 'view' | 'materialized view' | 'foreign table' | 'other'
  /** Itself a partition of another table, or a child by inheritance, or a parent of such. */
  readonly relatives: 'none' | 'partition' | 'child' | 'parent'
  readonly key: PartitionKey | null
  /** Of the planner; −1: never analysed. */
  readonly rowsEstimate: number
  readonly sizeBytes: number
  readonly columns: readonly ColumnState[]
  readonly uniqueKeys: readonly UniqueKey[]
  readonly traits: TableTraits
}

/** Undefined: there is no such relation. */
export async function readTable(
  on: Queryable,
  { schema, table }: { readonly schema: string; readonly table: string },
): Promise<TableState | undefined> {
  const { rows } = await on.query<TableState>(sql`
    select c.oid,
      case c.relkind
        when 'r' then 'table'
        when 'p' then 'partitioned'
        when 'v' then 'view'
        when 'm' then 'materialized view'
        when 'f' then 'foreign table'
        else 'other'
      end as kind,
      case
        when c.relispartition then 'partition'
        when exists (select from pg_inherits where inhrelid = c.oid) then 'child'
        when c.relkind = 'r' and exists (select from pg_inherits where inhparent = c.oid) then 'parent'
        else 'none'
      end as relatives,
      (
        select json_build_object(
          'strategy', case p.partstrat when 'r' then 'range' when 'l' then 'list' else 'hash' end,
          'columns', (
            select json_agg(a.attname order by k.place)
            from unnest(p.partattrs) with ordinality as k (number, place)
            left join pg_attribute a on a.attrelid = c.oid and a.attnum = k.number and k.number > 0
          ))
        from pg_partitioned_table p
        where p.partrelid = c.oid
      ) as key,
      c.reltuples::float8 as "rowsEstimate",
      case when c.relkind in ('r', 'm') then pg_table_size(c.oid) else 0 end::float8 as "sizeBytes",
      ${columnsOf} as columns,
      ${uniqueKeysOf} as "uniqueKeys",
      ${traitsOf} as traits
    from pg_class c
    join pg_namespace n on n.oid = c.relnamespace
    where n.nspname = ${schema}
      and c.relname = ${table}`)
  return rows[0]
}

const columnsOf = sql`(
        select coalesce(json_agg(json_build_object(
            'name', a.attname,
            'type', coalesce(base.typname, t.typname),
            'shown', format_type(a.atttypid, a.atttypmod),
            'notNull', ${neverNull('a')},
            'generated', case a.attgenerated when '' then 'no' when 's' then 'stored' else 'virtual' end,
            'statistics', coalesce(a.attstattarget, -1)
          ) order by a.attnum), '[]')
        from pg_attribute a
        join pg_type t on t.oid = a.atttypid
        left join pg_type base on base.oid = nullif(t.typbasetype, 0)
        where a.attrelid = c.oid
          and a.attnum > 0
          and not a.attisdropped
      )`

const uniqueKeysOf = sql`(
        select coalesce(json_agg(json_build_object(
            'name', x.relname,
            'primary', i.indisprimary,
            'columns', case
              when i.indpred is null and i.indexprs is null then (
                select json_agg(a.attname order by k.place)
                from unnest(i.indkey) with ordinality as k (number, place)
                join pg_attribute a on a.attrelid = c.oid and a.attnum = k.number
                where k.place <= i.indnkeyatts
              )
            end
          ) order by x.relname), '[]')
        from pg_index i
        join pg_class x on x.oid = i.indexrelid
        where i.indrelid = c.oid
          and i.indisunique
      )`

const traitsOf = sql`json_build_object(
        'owner', pg_get_userbyid(c.relowner),
        'unlogged', c.relpersistence = 'u',
        'excludes', exists (select from pg_index where indrelid = c.oid and indisexclusion),
        'tablespace', (select spcname from pg_tablespace where oid = c.reltablespace),
        'accessMethod', (select amname from pg_am where oid = c.relam and amname <> current_setting('default_table_access_method')),
        'replicaIdentity', case c.relreplident
          when 'f' then to_json('full'::text)
          when 'n' then to_json('nothing'::text)
          when 'i' then (
            select json_build_object('index', x.relname)
            from pg_index i
            join pg_class x on x.oid = i.indexrelid
            where i.indrelid = c.oid
              and i.indisreplident
          )
          else to_json('default'::text)
        end
      )`

/** Refused, rather than answered from the rows that the policies of the table show to the role. */
export async function isEmpty(session: Session, { schema, table }: PartitionedTable): Promise<boolean> {
  await session.query(sql`set row_security = off`)
  try {
    const { rows } = await session.query(sql`select from ${sql.ident(schema, table)} limit 1`)
    return rows.length === 0
  } finally {
    await session.query(sql`reset row_security`).catch(() => undefined)
  }
}

/**
 * Undefined: there is none. Bigger than a bigint, or less than one: the nearest there is. Of a partitioned table the newest
 * partitions are asked first, because without an index on the ids all of what is asked is read.
 */
export async function readLargestId(on: Queryable, declared: PartitionedTable): Promise<bigint | undefined> {
  const { schema, table, layout } = declared
  if (layout.kind !== 'id') return undefined
  const { rows: partitions } = await on.query<{ schema: string; name: string; bound: string }>(sql`
    select n.nspname as schema, c.relname as name, pg_get_expr(c.relpartbound, c.oid) as bound
    from pg_inherits i
    join pg_class c on c.oid = i.inhrelid
    join pg_namespace n on n.oid = c.relnamespace
    join pg_partitioned_table p on p.partrelid = i.inhparent
    where i.inhparent = to_regclass(${quoteQualified(schema, table)})
      and p.partdefid <> c.oid`)
  const newestFirst = partitions.toSorted((left, right) => (lowestId(left.bound) < lowestId(right.bound) ? 1 : -1))
  const column = sql.ident(layout.column)
  for (const place of partitions.length === 0 ? [{ schema, name: table }] : newestFirst) {
    const { rows } = await on.query<{ largest: string }>(sql`
      select floor(least(greatest(id::numeric, -9223372036854775808), 9223372036854775807))::text as largest
      from (select max(${column}) as id from ${sql.ident(place.schema, place.name)}) as newest
      where id is not null`)
    const largest = rows[0]?.largest
    if (largest !== undefined) return BigInt(largest)
  }
  return undefined
}

function lowestId(bound: string): bigint {
  const lower = /^FOR VALUES FROM \('?(-?\d+)/.exec(bound)?.[1]
  return lower === undefined ? -(1n << 63n) : BigInt(lower)
}

export interface LeafState {
  readonly oid: number
  readonly schema: string
  readonly name: string
  /** A foreign table has no indexes, and is left alone. */
  readonly foreign: boolean
  readonly rowsEstimate: number
  /** Only a table that can hold wide values has one, and settings for it. */
  readonly hasToast: boolean
  readonly options: Readonly<Record<string, string>>
  /** Statistics targets that are not the default. */
  readonly statistics: Readonly<Record<string, number>>
  readonly indexes: readonly LeafIndex[]
}

interface LeafIndex {
  readonly name: string
  readonly valid: boolean
  readonly comment: string | null
}

export interface PartitionState {
  readonly oid: number
  readonly schema: string
  readonly name: string
  /** 'FOR VALUES FROM … TO …', 'DEFAULT'. */
  readonly bound: string
  readonly isDefault: boolean
  readonly detachPending: boolean
  /** How it is divided again; null: it is not. */
  readonly key: PartitionKey | null
  /** Itself, where it is not divided again. */
  readonly leaves: readonly LeafState[]
}

/** Every partition of a table, in the order of their names; leaves at any depth. */
export async function readPartitions(on: Queryable, parent: number): Promise<readonly PartitionState[]> {
  const { rows } = await on.query<PartitionState>(sql`
    select c.oid, n.nspname as schema, c.relname as name,
      pg_get_expr(c.relpartbound, c.oid) as bound,
      pg_get_expr(c.relpartbound, c.oid) = 'DEFAULT' as "isDefault",
      h.inhdetachpending as "detachPending",
      (
        select json_build_object(
          'strategy', case p.partstrat when 'r' then 'range' when 'l' then 'list' else 'hash' end,
          'columns', (
            select json_agg(a.attname order by k.place)
            from unnest(p.partattrs) with ordinality as k (number, place)
            left join pg_attribute a on a.attrelid = c.oid and a.attnum = k.number and k.number > 0
          ))
        from pg_partitioned_table p
        where p.partrelid = c.oid
      ) as key,
      (
        select coalesce(json_agg(${leafOf} order by l.relname), '[]')
        from pg_partition_tree(c.oid) t
        join pg_class l on l.oid = t.relid
        where t.isleaf
          and l.relkind <> 'p'
      ) as leaves
    from pg_inherits h
    join pg_class c on c.oid = h.inhrelid
    join pg_namespace n on n.oid = c.relnamespace
    where h.inhparent = ${parent}
    order by c.relname, n.nspname`)
  return rows
}

const leafOf = sql`json_build_object(
          'oid', l.oid::int8,
          'schema', (select nspname from pg_namespace where oid = l.relnamespace),
          'name', l.relname,
          'foreign', l.relkind = 'f',
          'rowsEstimate', l.reltuples,
          'hasToast', l.reltoastrelid <> 0,
          'options', (
            select coalesce(json_object_agg(o.option_name, o.option_value), '{}')
            from (
              select option_name, option_value from pg_options_to_table(l.reloptions)
              union all
              select 'toast.' || o.option_name, o.option_value
              from pg_class x, pg_options_to_table(x.reloptions) o
              where x.oid = l.reltoastrelid
            ) o
          ),
          'statistics', (
            select coalesce(json_object_agg(a.attname, a.attstattarget), '{}')
            from pg_attribute a
            where a.attrelid = l.oid
              and a.attnum > 0
              and a.attstattarget >= 0
          ),
          'indexes', (
            select coalesce(json_agg(json_build_object(
                'name', x.relname,
                'valid', i.indisvalid,
                'comment', obj_description(x.oid, 'pg_class')
              ) order by x.relname), '[]')
            from pg_index i
            join pg_class x on x.oid = i.indexrelid
            where i.indrelid = l.oid
          )
        )`
