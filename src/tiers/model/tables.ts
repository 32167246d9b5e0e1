// pgstrata.tier_table: tables that have tiers, as they were applied. Its rows are written by steps of the plan.
//
// Which database a table was applied in is noted with it: transactions and oids that a move has noted mean nothing in another one, to
// which a dump was restored, and columns have other numbers there.

import { thisDatabase } from '../../catalog/tiered.ts'
import { onlyRow, type Queryable } from '../../db/db.ts'
import { quoteLiteral, quoteQualified } from '../../sql/quote.ts'
import { sql } from '../../sql/sql.ts'
import type { SourceColumn } from './columns.ts'
import { numbersHere, renumber, tableOf } from './numbers.ts'
import type { Cold, TieredTable, Warm } from './options.ts'

interface DeclaredTiers {
  readonly warm: Warm | null
  readonly cold: Cold | null
}

export type ReaderColumn = Pick<SourceColumn, 'name' | 'attnum' | 'type' | 'generated'> & {
  readonly collation?: string | undefined
  readonly missing?: string | undefined
}

export interface TierTable {
  readonly id: number
  readonly schema: string
  readonly table: string
  readonly oid: number
  readonly declared: DeclaredTiers
  /** As the readers of its history have them. */
  readonly columns: readonly ReaderColumn[]
  /** Nothing is moved but what a person asks for. */
  readonly paused: boolean
  /** It was applied in this database. */
  readonly isAtHome: boolean
  /** Numbers of its columns were noted in this database. Where not, `columns` has them as they are here. */
  readonly isNumbered: boolean
}

const present = sql`select where to_regclass('pgstrata.tier_table') is not null`

const columns = sql`t.id, t.schema_name as schema, t.table_name as table, coalesce((${tableOf})::oid::int8, 0)::float8 as oid,
      t.declared - 'system' as declared, ${sql.raw(numbersHere('t.columns', 'attnum'))} as columns, t.paused,
      t.declared ->> 'system' = ${sql.raw(thisDatabase)} as "isAtHome", t.numbered_in = ${sql.raw(thisDatabase)} as "isNumbered"`

/** None where schema "pgstrata" does not know tiers yet. */
export async function readTierTables(on: Queryable): Promise<readonly TierTable[]> {
  if ((await on.query(present)).rows.length === 0) return []
  const { rows } = await on.query<TierTable>(sql`
    select ${columns}
    from pgstrata.tier_table t
    order by schema_name, table_name`)
  return rows
}

export async function findTierTable(
  on: Queryable,
  { schema, table }: { readonly schema: string; readonly table: string },
): Promise<TierTable | undefined> {
  if ((await on.query(present)).rows.length === 0) return undefined
  const { rows } = await on.query<TierTable>(sql`
    select ${columns}
    from pgstrata.tier_table t
    where schema_name = ${schema}
      and table_name = ${table}`)
  return rows[0]
}

/** The number that the next new table gets; those that follow it in the same plan count on from there. */
export async function readNextNumber(on: Queryable): Promise<number> {
  if ((await on.query(present)).rows.length === 0) return 1
  const answer = await on.query<{ next: number }>(sql`
    select (last_value + is_called::int4)::int4 as next
    from pgstrata.tier_table_id_seq`)
  return onlyRow(answer).next
}

/** The statements of a step. `columns` as they are when it is planned; `isRestored`: it is known by numbers of another database. */
export function recordTierTable(
  id: number,
  { partitioned, warm, cold }: TieredTable,
  readerColumns: readonly ReaderColumn[],
  { isRestored = false }: { readonly isRestored?: boolean } = {},
): readonly string[] {
  const { schema, table } = partitioned
  const declared: DeclaredTiers = { warm: warm ?? null, cold: cold ?? null }
  const json = (value: unknown): string => `${quoteLiteral(JSON.stringify(value))}::jsonb`
  const names = readerColumns.map(({ name, attnum, type, collation, generated, missing }) => ({
    name,
    attnum,
    type,
    collation,
    generated,
    missing,
  }))
  return [
    ...(isRestored ? renumber(id) : []),
    `insert into pgstrata.tier_table (id, schema_name, table_name, table_oid, declared, columns, numbered_in)
overriding system value
values (${id}, ${quoteLiteral(schema)}, ${quoteLiteral(table)}, ${quoteLiteral(quoteQualified(schema, table))}::regclass,
  ${json(declared)} || jsonb_build_object('system', ${thisDatabase}), ${json(names)}, ${thisDatabase})
on conflict (schema_name, table_name) do update
set table_oid = excluded.table_oid,
  declared = excluded.declared || jsonb_build_object('system', tier_table.declared -> 'system'),
  columns = excluded.columns,
  numbered_in = excluded.numbered_in,
  updated_at = clock_timestamp()`,
    `select setval('pgstrata.tier_table_id_seq', greatest(${id}, last_value))
from pgstrata.tier_table_id_seq`,
  ]
}

/** The statements of a step that forgets a table of which every partition is hot. What was archived of it stays known. */
export function forgetTierTable(id: number): readonly string[] {
  return [
    `delete from pgstrata.tier_touch
using pgstrata.tier_partition as p
where p.id = tier_touch.tier_partition
  and p.tier_table = ${id}`,
    `delete from pgstrata.tier_move
using pgstrata.tier_partition as p
where p.id = tier_move.tier_partition
  and p.tier_table = ${id}`,
    `delete from pgstrata.tier_pack where tier_table = ${id}`,
    `delete from pgstrata.tier_partition where tier_table = ${id}`,
    `delete from pgstrata.tier_table where id = ${id}`,
  ]
}

export async function setPaused(on: Queryable, id: number, paused: boolean): Promise<void> {
  await on.query(sql`
    update pgstrata.tier_table
    set paused = ${paused}, updated_at = clock_timestamp()
    where id = ${id}`)
}

/** This database is the table's from now on: moves that were under way in another one were given up. */
export async function settleIn(on: Queryable, id: number): Promise<void> {
  await on.query(sql`
    update pgstrata.tier_table
    set declared = declared || jsonb_build_object('system', ${sql.raw(thisDatabase)})
    where id = ${id}`)
}
