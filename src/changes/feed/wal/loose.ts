// Rows of a table that were packed, and are changed: they are loose then, in a table of their own. What is updated and deleted there
// is told as a change of the table that they belong to; what comes there has only moved.

import { looseName } from '../../../catalog/tiered.ts'
import type { Queryable } from '../../../db/db.ts'
import { sql } from '../../../sql/sql.ts'
import type { Relation } from './messages.ts'

export interface LooseTable {
  readonly schema: string
  readonly table: string
  readonly oid: string
  /** Of the table that its rows belong to. */
  readonly of: { readonly schema: string; readonly table: string }
  /** What tells a row of that; undefined: the whole row. */
  readonly key: readonly string[] | undefined
  /** Its columns that the other does not have in a feed. */
  readonly beside: readonly string[]
  /** It, and each of its partitions, says what its rows were. */
  readonly identified: boolean
}

/** By the oid of the table that they belong to. */
export async function readLooseTables(on: Queryable): Promise<ReadonlyMap<string, LooseTable>> {
  const there = await on.query(sql`select where to_regclass('pgstrata.tier_table') is not null`)
  if (there.rows.length === 0) return new Map()
  const { rows: tiered } = await on.query<{ id: number; source: string }>(sql`
    select t.id, c.oid::text as source
    from pgstrata.tier_table t
    join pg_namespace n on n.nspname = t.schema_name
    join pg_class c on c.relnamespace = n.oid and c.relname = t.table_name`)
  if (tiered.length === 0) return new Map()
  const sources = tiered.map(({ source }) => source)
  const names = tiered.map(({ id }) => looseName(id))
  const { rows } = await on.query<
    Omit<LooseTable, 'of' | 'key'> & {
      source: string
      ofSchema: string
      ofTable: string
      key: readonly string[] | null
    }
  >(sql`
    select s.oid::text as source, n.nspname::text as "ofSchema", s.relname::text as "ofTable",
      'pgstrata' as schema, l.relname::text as "table", l.oid::text as oid,
      (
        select array_agg(a.attname::text order by array_position(i.indkey::int2[], a.attnum))
        from pg_index i
        join pg_attribute a on a.attrelid = i.indrelid and a.attnum = any(i.indkey::int2[])
        where i.indrelid = s.oid
          and case s.relreplident when 'i' then i.indisreplident else i.indisprimary end
      ) as key,
      array(
        select a.attname::text
        from pg_attribute a
        left join pg_attribute o on o.attrelid = s.oid and o.attname = a.attname and o.attnum > 0
        where a.attrelid = l.oid
          and a.attnum > 0
          and not a.attisdropped
          and coalesce(o.attgenerated <> '', true)
      ) as beside,
      (
        select bool_and(p.relreplident = 'f')
        from pg_partition_tree(l.oid) t
        join pg_class p on p.oid = t.relid
      ) as identified
    from unnest(${sources}::text[], ${names}::text[]) as tiered (source, loose)
    join pg_class s on s.oid = tiered.source::oid
    join pg_namespace n on n.oid = s.relnamespace
    join pg_class l on l.relnamespace = to_regnamespace('pgstrata') and l.relname = tiered.loose`)
  return new Map(
    rows.map(({ source, ofSchema, ofTable, key, ...loose }) => [
      source,
      { ...loose, of: { schema: ofSchema, table: ofTable }, key: key ?? undefined },
    ]),
  )
}

/** As if its rows were in the table that they belong to. */
export function asSource(relation: Relation, { of, key, beside }: LooseTable): Relation {
  return {
    ...relation,
    ...of,
    isLoose: true,
    identity: key === undefined ? 'f' : 'i',
    columns: relation.columns.map(({ name }) => {
      const isBeside = beside.includes(name)
      return { name, identifies: !isBeside && key?.includes(name) !== false, isBeside }
    }),
  }
}
