// What is asked to tell the tiers of a table: sizes as the server counts them, packs as they were built.

import type { Queryable } from '../db/db.ts'
import { sql } from '../sql/sql.ts'
import type { TierTable } from './model/tables.ts'

export interface PartitionSize {
  readonly oid: number
  readonly sizeBytes: number
  readonly isEmpty: boolean
  /** The server's estimate; null where it was never analysed. */
  readonly rows: number | null
}

/** Indexes and what is kept aside counted in. */
export async function readPartitionSizes(
  on: Queryable,
  oids: readonly number[],
): Promise<ReadonlyMap<number, PartitionSize>> {
  const { rows } = await on.query<PartitionSize>(sql`
    select p.oid::int8::float8 as oid, coalesce(sum(pg_total_relation_size(c.oid)), 0)::float8 as "sizeBytes",
      coalesce(sum(pg_relation_size(c.oid)), 0) = 0 as "isEmpty",
      case when bool_and(c.reltuples >= 0) then sum(c.reltuples)::float8 end as rows
    from unnest(${oids}::int8[]::oid[]) as p (oid)
    cross join lateral pg_partition_tree(p.oid) t
    join pg_class c on c.oid = t.relid
    where t.isleaf
    group by p.oid`)
  return new Map(rows.map((row) => [row.oid, row]))
}

export interface PackFacts {
  readonly id: string
  readonly rows: number
  readonly segments: number
  readonly segmentBy: readonly string[]
  /** Segments and words. */
  readonly sizeBytes: number
  /** Rows that were changed since, without indexes, for those of an empty table are not. */
  readonly looseBytes: number
  /** All that is kept for them. */
  readonly looseTotalBytes: number
}

export async function readPackFacts(on: Queryable, { id }: TierTable): Promise<ReadonlyMap<string, PackFacts>> {
  const { rows } = await on.query<PackFacts>(sql`
    select p.id::text as id, coalesce(p.rows, 0)::float8 as rows, coalesce(p.segments, 0)::float8 as segments,
      p.segment_by as "segmentBy",
      ${sizeOf(sql`'pack_' || p.id, 'pack_' || p.id || '_word'`)} as "sizeBytes",
      coalesce(pg_relation_size(to_regclass(format('pgstrata.tier_%s_loose_%s', p.tier_table, p.id))), 0)::float8 as "looseBytes",
      ${sizeOf(sql`'tier_' || p.tier_table || '_loose_' || p.id`)} as "looseTotalBytes"
    from pgstrata.tier_pack p
    where p.tier_table = ${id}
      and p.state = 'live'`)
  return new Map(rows.map((row) => [row.id, row]))
}

/** Tables may be dropped meanwhile: what is not there has no size. */
function sizeOf(names: ReturnType<typeof sql>): ReturnType<typeof sql> {
  return sql`(
        select coalesce(sum(pg_total_relation_size(to_regclass('pgstrata.' || quote_ident(name)))), 0)::float8
        from unnest(array[${names}]) as own (name)
      )`
}

/** When the ends of partitions are as old as a span says, by the position of the bound; null for what has no end or no time. */
export async function readMoments(
  on: Queryable,
  {
    type,
    zone,
    age,
    uppers,
  }: { readonly type: string; readonly zone: string; readonly age: string; readonly uppers: readonly string[] },
): Promise<readonly (Date | null)[]> {
  if (type !== 'timestamptz' && type !== 'timestamp' && type !== 'date') return uppers.map(() => null)
  const { rows } = await on.query<{ moment: Date | null }>(sql`
    select case when isfinite(local) then (local + ${age}::interval) at time zone ${zone} end as moment
    from unnest(${uppers}::text[]) with ordinality as given (upper, place)
    cross join lateral (
      select case
        when upper in ('MINVALUE', 'MAXVALUE') then 'infinity'::timestamp
        when ${type} = 'timestamptz' then upper::timestamptz at time zone ${zone}
        else upper::timestamp
      end as local
    ) as l
    order by place`)
  return rows.map(({ moment }) => moment)
}

export interface ArchiveFacts {
  readonly id: string
  readonly bytes: number
  readonly checkFailure: string | null
}

/** Those that the partitions of a table have now. */
export async function readArchiveFacts(on: Queryable, { id }: TierTable): Promise<ReadonlyMap<string, ArchiveFacts>> {
  const { rows } = await on.query<ArchiveFacts>(sql`
    select a.id::text as id, coalesce(a.bytes, 0)::float8 as bytes, a.check_failure as "checkFailure"
    from pgstrata.tier_partition p
    join pgstrata.archive a on a.id = p.archive
    where p.tier_table = ${id}`)
  return new Map(rows.map((row) => [row.id, row]))
}
