// Everything that pg_depend knows to hang on the table: on itself, its row type, its constraints, its indexes, or the
// sequences of its identity columns. What is the table's own is marked; of the rest somebody has to say what becomes
// of it, or the table is not converted.

import { readRows, type Reading } from '../../../catalog/dump/reading.ts'
import { sql, type Sql } from '../../../sql/sql.ts'

export interface Dependent {
  /** 'pg_rewrite', 'pg_proc' … */
  readonly catalog: string
  readonly oid: number
  /** What of the table it hangs on. */
  readonly on: 'table' | 'row type' | 'sequence' | 'constraint' | 'index'
  /** The oid of that. */
  readonly onOid: number
  readonly description: string
}

/** Leaves out what is a part of the table itself. */
export async function readDependents(reading: Reading, table: number): Promise<readonly Dependent[]> {
  return await readRows<Dependent>(
    reading,
    sql`
    with target as (${targets(table)}
    )
    select distinct c.relname::text as catalog, d.objid as oid, t.kind as on, t.oid as "onOid",
      pg_describe_object(d.classid, d.objid, 0) as description
    from target t
    join pg_depend d on d.refclassid = t.catalog and d.refobjid = t.oid
    join pg_class c on c.oid = d.classid
    where not exists (
        select
        from target own
        where own.catalog = d.classid
          and own.oid = d.objid
      )
      and not (${isOwn(table)})
    order by catalog, description, "on", "onOid"`,
  )
}

function targets(table: number): Sql {
  return sql`
      select 'pg_class'::regclass::oid as catalog, ${table}::oid as oid, 'table' as kind
      union all
      select 'pg_type'::regclass, oid, 'row type'
      from pg_type
      where typrelid = ${table}::oid
      union all
      select 'pg_type'::regclass, a.oid, 'row type'
      from pg_type r
      join pg_type a on a.oid = r.typarray
      where r.typrelid = ${table}::oid
      union all
      select 'pg_class'::regclass, i.objid, 'sequence'
      from pg_depend i
      where i.classid = 'pg_class'::regclass
        and i.refclassid = 'pg_class'::regclass
        and i.refobjid = ${table}::oid
        and i.refobjsubid > 0
        and i.deptype = 'i'
      union all
      select 'pg_constraint'::regclass, oid, 'constraint'
      from pg_constraint
      where conrelid = ${table}::oid
      union all
      select 'pg_class'::regclass, indexrelid, 'index'
      from pg_index
      where indrelid = ${table}::oid`
}

/** Parts of the table that others of these files read by themselves. */
function isOwn(table: number): Sql {
  const of = (catalog: string, column: string): Sql =>
    sql`(c.relname = ${catalog} and exists (
        select
        from ${sql.raw(catalog)} own
        where own.oid = d.objid
          and own.${sql.raw(column)} = ${table}::oid
      ))`
  return sql.join(
    [
      of('pg_attrdef', 'adrelid'),
      of('pg_trigger', 'tgrelid'),
      of('pg_rewrite', 'ev_class'),
      of('pg_policy', 'polrelid'),
      of('pg_publication_rel', 'prrelid'),
      of('pg_statistic_ext', 'stxrelid'),
      // Keys of other tables that lead here, and the triggers that keep them.
      of('pg_constraint', 'confrelid'),
      sql`(c.relname = 'pg_trigger' and exists (
        select
        from pg_trigger own
        join pg_constraint key on key.oid = own.tgconstraint
        where own.oid = d.objid
          and own.tgisinternal
          and ${table}::oid in (key.conrelid, key.confrelid)
      ))`,
      // Its TOAST table, and sequences that a default takes its values from.
      sql`(c.relname = 'pg_class' and exists (
        select
        from pg_class own
        where own.oid = d.objid
          and own.relkind in ('t', 'S')
          and d.deptype in ('a', 'i')
      ))`,
    ],
    '\n      or ',
  )
}
