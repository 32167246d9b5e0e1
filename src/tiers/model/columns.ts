// What has to be known of a column to keep its values elsewhere and to give them back as they were.

import type { Queryable } from '../../db/db.ts'
import { neverNull } from '../../db/not-null.ts'
import { sql } from '../../sql/sql.ts'

export interface SourceColumn {
  readonly name: string
  readonly attnum: number
  /** As SQL writes it under any search_path, without what limits it: 'numeric' of a numeric(20,8). */
  readonly type: string
  /** The same with its limits: 'numeric(20,8)'. */
  readonly typmod: string
  readonly typeOid: number
  /** As pg_type calls it, of a domain the type that it ends in: 'int8', '_text'. */
  readonly base: string
  /** As SQL writes it, where it is not that of the type; undefined: it is, or there is none. */
  readonly collation: string | undefined
  readonly notNull: boolean
  readonly identity: 'always' | 'default' | undefined
  readonly generated: boolean
  readonly kind: 'base' | 'enum' | 'composite' | 'range' | 'array' | 'domain'
  /** There is a type of its arrays. */
  readonly hasArray: boolean
  /** `group by` takes it. */
  readonly groupable: boolean
  /** `order by` takes it. */
  readonly orderable: boolean
  /** What rows have that were there before the column, as text of its type; undefined: null. */
  readonly missing: string | undefined
}

type Row = Omit<SourceColumn, 'collation' | 'identity' | 'missing'> & {
  readonly collation: string | null
  readonly identity: 'always' | 'default' | null
  readonly missing: string | null
}

/** In the order of the table; dropped ones are left out. */
export async function readSourceColumns(on: Queryable, relation: number): Promise<readonly SourceColumn[]> {
  const { rows } = await on.query<Row>(sql`
    with recursive settings as materialized (
      -- What a column adds to older rows is written so that every session reads the same.
      select set_config('DateStyle', 'ISO, YMD', true) || set_config('IntervalStyle', 'postgres', true) as style
    ), ${parts(relation)}
    select a.attname as name, a.attnum::int4 as attnum, case
        -- -1, not null: 'character' and 'bit' would mean one character, one bit.
        when t.typnamespace = 'pg_catalog'::regnamespace then format_type(t.oid, -1)
        else (select format('%I.%I', n.nspname, t.typname) from pg_namespace n where n.oid = t.typnamespace)
      end as type,
      format_type(a.atttypid, a.atttypmod) as typmod, a.atttypid::int8::float8 as "typeOid",
      (
        select b.typname
        from parts p
        join pg_type b on b.oid = p.type
        where p.attnum = a.attnum
          and p.is_base
      ) as base,
      case when a.attcollation <> t.typcollation then (
        select format('%I.%I', n.nspname, l.collname)
        from pg_collation l
        join pg_namespace n on n.oid = l.collnamespace
        where l.oid = a.attcollation
      ) end as collation,
      ${neverNull('a')} as "notNull",
      case a.attidentity when 'a' then 'always' when 'd' then 'default' end as identity,
      a.attgenerated <> '' as generated,
      case
        when t.typtype = 'd' then 'domain'
        when t.typtype = 'e' then 'enum'
        when t.typtype = 'c' then 'composite'
        when t.typtype in ('r', 'm') then 'range'
        when exists (select from pg_type e where e.typarray = t.oid) then 'array'
        else 'base'
      end as kind,
      t.typarray <> 0 as "hasArray",
      (select bool_and(sorted) or bool_and(hashed) from able where able.attnum = a.attnum) as groupable,
      (select bool_and(sorted) from able where able.attnum = a.attnum) as orderable,
      case when a.atthasmissing then array_to_string(a.attmissingval, '') || left(settings.style, 0) end as missing
    from settings
    cross join pg_attribute a
    join pg_type t on t.oid = a.atttypid
    where a.attrelid = ${relation}::oid
      and a.attnum > 0
      and not a.attisdropped
    order by a.attnum`)
  return rows.map(({ collation, identity, missing, ...row }) => ({
    ...row,
    collation: collation ?? undefined,
    identity: identity ?? undefined,
    missing: missing ?? undefined,
  }))
}

/**
 * Every type that a column's is made of: what a domain is of, elements of arrays, columns of composites. What can be told of
 * those that are made of nothing else can be told of it: whether they have an order, or hashes.
 */
function parts(relation: number): ReturnType<typeof sql> {
  return sql`parts as (
      select attnum, atttypid as type, true as outer_type, (select typtype <> 'd' from pg_type where oid = atttypid) as is_base
      from pg_attribute
      where attrelid = ${relation}::oid
        and attnum > 0
        and not attisdropped
      union
      select p.attnum, b.type, p.outer_type and t.typtype = 'd', p.outer_type and t.typtype = 'd' and b.ends
      from parts p
      join pg_type t on t.oid = p.type
      cross join lateral (
        select t.typbasetype as type, (select typtype <> 'd' from pg_type where oid = t.typbasetype) as ends
        where t.typtype = 'd'
        union all
        select t.typelem, false
        where ${isArray}
        union all
        select c.atttypid, false
        from pg_attribute c
        where t.typtype = 'c'
          and c.attrelid = t.typrelid
          and c.attnum > 0
          and not c.attisdropped
      ) as b
    ), able as (
      select p.attnum,
        t.typtype in ('e', 'r', 'm') or m.sorted as sorted,
        t.typtype in ('e', 'r', 'm') or m.hashed as hashed
      from parts p
      join pg_type t on t.oid = p.type
      cross join lateral (
        select coalesce(bool_or(x.amname = 'btree'), false) as sorted, coalesce(bool_or(x.amname = 'hash'), false) as hashed
        from pg_opclass o
        join pg_am x on x.oid = o.opcmethod
        where o.opcdefault
          -- By the part, not by its type's row: what is asked for each has to follow from the table's own columns.
          and (o.opcintype = p.type or exists (
            select from pg_cast c
            where c.castsource = p.type
              and c.casttarget = o.opcintype
              and c.castmethod = 'b'
              and c.castcontext = 'i'
          ))
      ) as m
      where t.typtype not in ('d', 'c')
        and not ${isArray}
    )`
}

/** Also int2vector and oidvector, which have no type that they are the arrays of. */
const isArray = sql`(t.typelem <> 0 and t.typsubscript = 'array_subscript_handler'::regproc)`
