// Numbers of columns. They tell a column from another one of its name, and know it again when it was renamed; but a dump leaves the
// gaps of dropped columns out, so that in the database to which it is restored they are others.
//
// What holds: numbers that were noted in another database are never taken for those of the table here. They are looked up by the names
// that the columns had when the table was applied last, and written anew by whoever notes its columns.

import { thisDatabase } from '../../catalog/tiered.ts'
import { sql, type Sql } from '../../sql/sql.ts'

/** The table of a row `t` of pgstrata.tier_table: an oid of another database is somebody else's here. */
export const tableOf: Sql = sql.raw(`case when t.declared ->> 'system' = ${thisDatabase} then t.table_oid
      else to_regclass(format('%I.%I', t.schema_name, t.table_name)) end`)

/**
 * A list of columns of a row `t` of pgstrata.tier_table with their numbers here, under `field`. Columns that are gone by their names
 * get a number that no column has.
 */
export function numbersHere(list: string, field: 'attnum' | 'number'): string {
  return `case when t.numbered_in = ${thisDatabase} then ${list} else (
      select coalesce(jsonb_agg(one.value || jsonb_build_object('${field}', coalesce(found.attnum, -abs(one.was))) order by one.place), '[]')
      from (
        select value, place, coalesce(value -> 'number', value -> 'attnum')::int4 as was
        from jsonb_array_elements(${list}) with ordinality as e (value, place)
      ) as one
      left join lateral (
        select a.attnum::int4 as attnum
        from jsonb_array_elements(t.columns) as known
        join pg_attribute a on a.attname = known ->> 'name'
        where (known -> 'attnum')::int4 = one.was
          and a.attrelid = to_regclass(format('%I.%I', t.schema_name, t.table_name))
          and a.attnum > 0
          and not a.attisdropped
      ) as found on true
    ) end`
}

/** Before the table's own oid is noted anew. All that is known of a table by numbers of another database, by those of this one. */
export function renumber(tierTable: number): readonly string[] {
  const isElsewhere = `t.id = ${tierTable}
  and t.numbered_in <> ${thisDatabase}`
  return [
    `update pgstrata.tier_pack as k
set columns = ${numbersHere('k.columns', 'number')}
from pgstrata.tier_table as t
where k.tier_table = t.id
  and ${isElsewhere}`,
    `update pgstrata.archive as a
set columns = ${numbersHere('a.columns', 'attnum')},
  table_oid = to_regclass(format('%I.%I', t.schema_name, t.table_name)), numbered_in = ${thisDatabase}
from pgstrata.tier_table as t, pgstrata.tier_partition as p
where p.id = a.tier_partition
  and p.tier_table = t.id
  and a.numbered_in = t.numbered_in
  and a.table_oid = t.table_oid
  and ${isElsewhere}`,
    `update pgstrata.tier_table as t
set columns = ${numbersHere('t.columns', 'attnum')}, numbered_in = ${thisDatabase}
where ${isElsewhere}`,
  ]
}
