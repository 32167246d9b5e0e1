// In which tier each partition of a table is, as schema "pgstrata" has it: all that the upkeep of partitions has to know of tiers.
// A table without them, or a schema that does not know them yet, has every partition hot.

import { partitionOf } from '../catalog/tiered.ts'
import type { Queryable } from '../db/db.ts'
import { sql } from '../sql/sql.ts'
import type { SlimShape } from './template.ts'

/** `moving`: it is on its way, or guarded behind its archive: whatever is altered of it makes that begin again. */
export type PartitionTier = 'hot' | 'slim' | 'packed' | 'moving'

interface PartitionTierState {
  readonly tier: PartitionTier
  /** Of what is kept of it elsewhere in this database. */
  readonly packBytes: number
}

export interface TableTiers {
  /** By oid; those that are not in it are hot. */
  readonly partitions: ReadonlyMap<number, PartitionTierState>
  /** What slim partitions are like, as it was applied; undefined: nothing is declared, and they are left as they are. */
  readonly slim: SlimShape | undefined
}

export const noTiers: TableTiers = { partitions: new Map(), slim: undefined }

interface Name {
  readonly schema: string
  readonly table: string
}

export async function knowsTiers(on: Queryable): Promise<boolean> {
  const { rows } = await on.query(sql`select where to_regclass('pgstrata.tier_partition') is not null`)
  return rows.length > 0
}

export async function readTableTiers(on: Queryable, { schema, table }: Name): Promise<TableTiers> {
  if (!(await knowsTiers(on))) return noTiers
  const { rows } = await on.query<{ id: number; slim: SlimShape | null }>(sql`
    select id, declared -> 'warm' as slim
    from pgstrata.tier_table
    where schema_name = ${schema}
      and table_name = ${table}`)
  const [found] = rows
  if (found === undefined) return noTiers
  return { partitions: await readTiers(on, found.id), slim: found.slim ?? undefined }
}

/** Tables may be dropped meanwhile: what is not there has no size. */
async function readTiers(on: Queryable, tierTable: number): Promise<ReadonlyMap<number, PartitionTierState>> {
  const { rows } = await on.query<PartitionTierState & { readonly oid: number }>(sql`
    select (${sql.raw(partitionOf)})::oid::int8::float8 as oid,
      case when p.state in ('hot', 'slim', 'packed') then p.state else 'moving' end as tier,
      (
        select coalesce(sum(pg_total_relation_size(to_regclass('pgstrata.' || quote_ident(name)))), 0)::float8
        from unnest(array['pack_' || p.pack, 'pack_' || p.pack || '_word', 'tier_' || p.tier_table || '_loose_' || p.pack]) as own (name)
      ) as "packBytes"
    from pgstrata.tier_partition as p
    join pgstrata.tier_table as t on t.id = p.tier_table
    where p.tier_table = ${tierTable}
      and (${sql.raw(partitionOf)}) is not null`)
  return new Map(rows.map(({ oid, tier, packBytes }) => [oid, { tier, packBytes }]))
}

/** Retention takes out ordinary tables alone: whoever takes one back finds its rows in it. */
export async function askUnpacked(tx: Queryable, oid: number): Promise<void> {
  await tx.query(sql`
    update pgstrata.tier_partition as p
    set request = 'unpack', request_by = 'person', not_before = null, updated_at = clock_timestamp()
    from pgstrata.tier_table as t
    where t.id = p.tier_table
      and (${sql.raw(partitionOf)}) = ${oid}::oid
      and p.state = 'packed'`)
}
