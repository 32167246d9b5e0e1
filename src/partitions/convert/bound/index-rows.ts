// The indexes of the table, those behind constraints included, as rows.

import { readRows, type Reading } from '../../../catalog/dump/reading.ts'
import { sql } from '../../../sql/sql.ts'
import { ownPrefix } from './names.ts'

export interface BoundIndex {
  readonly oid: number
  /** Plain; `name` is as SQL writes it. */
  readonly plainName: string
  readonly name: string
  readonly primary: boolean
  readonly unique: boolean
  readonly valid: boolean
  /** 'p', 'u', 'x', or null: no constraint made it. */
  readonly contype: string | null
  readonly deferrable: boolean
  readonly deferred: boolean
  readonly nullsNotDistinct: boolean
  /** The key is temporal: WITHOUT OVERLAPS. */
  readonly period: boolean
  /** As SQL writes them; null for an expression. */
  readonly keys: readonly (string | null)[]
  /** Those of them that are compared as their column is: others keep nothing unique in one partition alone. */
  readonly plainKeys: readonly string[]
  /** For an exclusion: which of them are compared by equality. */
  readonly equalKeys: readonly string[]
  readonly include: readonly string[]
  readonly partial: boolean
  /** From USING on. */
  readonly using: string
  /** EXCLUDE …, of an exclusion constraint. */
  readonly exclusion: string | null
  readonly options: readonly string[]
  readonly tablespace: string | null
  readonly clustered: boolean
  readonly replicaIdentity: boolean
  /** '1 set statistics 500' */
  readonly statistics: readonly string[]
  readonly indexComment: string | null
  readonly constraintComment: string | null
}

const keyColumns = sql`array(
        select quote_ident(a.attname)
        from generate_series(0, i.indnkeyatts - 1) k
        left join pg_attribute a on a.attrelid = i.indrelid and a.attnum = i.indkey[k] and a.attnum <> 0
        order by k
      ) as keys,
      array(
        select quote_ident(a.attname)
        from generate_series(0, i.indnkeyatts - 1) k
        join pg_attribute a on a.attrelid = i.indrelid and a.attnum = i.indkey[k]
        where i.indcollation[k] = a.attcollation
        order by k
      ) as "plainKeys"`

export async function readIndexes(reading: Reading, table: number): Promise<readonly BoundIndex[]> {
  const period = reading.version >= 180_000 ? sql`coalesce(con.conperiod, false)` : sql`false`
  return await readRows<BoundIndex>(
    reading,
    sql`
    select i.indexrelid as oid,
      c.relname::text as "plainName",
      quote_ident(c.relname) as name,
      i.indisprimary as primary,
      i.indisunique as unique,
      i.indisvalid and i.indisready and i.indislive as valid,
      con.contype,
      coalesce(con.condeferrable, false) as deferrable,
      coalesce(con.condeferred, false) as deferred,
      i.indnullsnotdistinct as "nullsNotDistinct",
      ${period} as period,
      ${keyColumns},
      array(
        select quote_ident(a.attname)
        from unnest(con.conexclop) with ordinality op (oid, k)
        join pg_attribute a on a.attrelid = i.indrelid and a.attnum = i.indkey[op.k::int4 - 1]
        join pg_operator o on o.oid = op.oid
        where o.oprname = '='
      ) as "equalKeys",
      array(
        select quote_ident(a.attname)
        from generate_series(i.indnkeyatts, i.indnatts - 1) k
        join pg_attribute a on a.attrelid = i.indrelid and a.attnum = i.indkey[k]
        order by k
      ) as include,
      i.indpred is not null as partial,
      substr(pg_get_indexdef(i.indexrelid), length(format('CREATE %sINDEX %I ON %I.%I ',
        case when i.indisunique then 'UNIQUE ' else '' end, c.relname, n.nspname, t.relname)) + 1) as using,
      case when con.contype = 'x' then pg_get_constraintdef(con.oid) end as exclusion,
      coalesce(c.reloptions, '{}') as options,
      quote_ident(ts.spcname) as tablespace,
      i.indisclustered as clustered,
      i.indisreplident as "replicaIdentity",
      array(
        select a.attnum || ' set statistics ' || a.attstattarget
        from pg_attribute a
        where a.attrelid = i.indexrelid
          and a.attstattarget >= 0
        order by a.attnum
      ) as statistics,
      obj_description(i.indexrelid, 'pg_class') as "indexComment",
      obj_description(con.oid, 'pg_constraint') as "constraintComment"
    from pg_index i
    join pg_class c on c.oid = i.indexrelid
    join pg_class t on t.oid = i.indrelid
    join pg_namespace n on n.oid = t.relnamespace
    left join pg_constraint con on con.conindid = i.indexrelid
      and con.conrelid = i.indrelid
      and con.contype in ('p', 'u', 'x')
    left join pg_tablespace ts on ts.oid = c.reltablespace
    where i.indrelid = ${table}::oid
      and not starts_with(c.relname::text, ${ownPrefix})
    order by i.indisprimary desc, con.contype is null, c.relname collate "C"`,
  )
}

/** It can be named by ON CONFLICT and by a foreign key: its columns, and nothing else, make a row unique. */
export function isPlainKey(index: BoundIndex): boolean {
  return index.unique && !index.partial && !index.keys.includes(null)
}
