// What is known of the partitions of a table, and what the policies ask of them. Partitions that are not known yet become so.

import type { Session } from '../../db/db.ts'
import { transaction } from '../../db/transaction.ts'
import { readDue, type LivePartition } from '../../partitions/for-tiers.ts'
import { sql, type Sql } from '../../sql/sql.ts'
import { tableObjects } from '../model/objects.ts'
import type { Rule, TieredTable } from '../model/options.ts'
import { enrol, readTierPartitions } from '../model/record.ts'
import type { TierTable } from '../model/tables.ts'
import type { PartitionReading } from './due.ts'

/** Of no number of partitions. */
const never: Rule = { count: Number.MAX_SAFE_INTEGER }

/** Oldest first, those that are cold before all others. */
export async function readMoves(
  session: Session,
  table: TieredTable,
  { tier, at }: { readonly tier: TierTable; readonly at: Date | undefined },
): Promise<readonly PartitionReading[]> {
  return await transaction(
    session,
    async (tx) => {
      const warm = await readLive(tx, table, { rule: table.warm?.due, at })
      const cold = new Map((await readLive(tx, table, { rule: table.cold?.due, at })).map((one) => [one.oid, one]))
      await enrol(
        tx,
        warm.flatMap(({ oid, schema, name, lower, upper }) =>
          lower === null || upper === null ? [] : [{ tierTable: tier.id, schema, name, oid, lower, upper }],
        ),
      )
      const sizes = new Map((await readSizes(tx, table, { tier, at })).map((size) => [size.id, size]))
      const records = await readTierPartitions(tx, tier.id)
      const places = new Map(warm.map(({ oid }, place) => [oid, place]))
      const placeOf = (oid: number | null): number => (oid === null ? -1 : (places.get(oid) ?? -1))
      return records
        .toSorted((left, right) => placeOf(left.oid) - placeOf(right.oid))
        .map((record) => {
          const live = record.oid === null ? undefined : warm[placeOf(record.oid)]
          const { id: _, ...size } = sizes.get(String(record.id)) ?? nothing
          return {
            record,
            ...size,
            // One that is not there any more is nobody's to move.
            isAhead: record.oid !== null && live?.ahead !== false,
            isWarmDue: live?.due === true,
            isColdDue: record.oid !== null && cold.get(record.oid)?.due === true,
          }
        })
    },
    // Bounds are compared as texts with those that were noted.
    { settings: { timezone: 'UTC' } },
  )
}

async function readLive(
  tx: Session,
  { partitioned }: TieredTable,
  { rule = never, at }: { readonly rule: Rule | undefined; readonly at: Date | undefined },
): Promise<readonly LivePartition[]> {
  const all = await readDue(tx, partitioned, { keep: rule, at })
  return all.filter(({ isDefault, pending }) => !isDefault && !pending)
}

interface Sizes {
  readonly id: string
  readonly heapBytes: number
  readonly unpackedBytes: number
  readonly isUnread: boolean
  readonly isResting: boolean
  readonly isGraceOver: boolean
}

const nothing: Sizes = {
  id: '',
  heapBytes: 0,
  unpackedBytes: 0,
  isUnread: false,
  isResting: false,
  isGraceOver: false,
}

async function readSizes(
  tx: Session,
  { warm }: TieredTable,
  { tier, at }: { readonly tier: TierTable; readonly at: Date | undefined },
): Promise<readonly Sizes[]> {
  const loose = sql`to_regclass(format('pgstrata.%I', ${tableObjects(tier.id).loose}::text || '_' || p.pack))`
  const { rows } = await tx.query<Sizes>(sql`
    select p.id::text as id, coalesce(l.total, 0)::float8 as "heapBytes",
      (coalesce(l.main, 0) + case when p.pack is null then 0 else coalesce(pg_relation_size(${loose}), 0) end)::float8 as "unpackedBytes",
      ${await unreadOf(tx, warm?.unread)} as "isUnread",
      coalesce(p.not_before > clock_timestamp(), false) as "isResting",
      coalesce(p.drop_after <= coalesce(${at ?? null}::timestamptz, clock_timestamp()), false) as "isGraceOver"
    from pgstrata.tier_partition as p
    cross join lateral (
      select sum(pg_total_relation_size(t.relid)) as total, sum(pg_relation_size(t.relid)) as main
      from pg_partition_tree(p.partition_oid) as t
      where t.isleaf
    ) as l
    where p.tier_table = ${tier.id}`)
  return rows
}

/** Since when a table was not read is known from 16 on, and only since the counts of this server began. */
async function unreadOf(tx: Session, unread: string | undefined): Promise<Sql> {
  if (unread === undefined) return sql`false`
  const { rows } = await tx.query(sql`select where current_setting('server_version_num')::int4 >= 160000`)
  if (rows.length === 0) return sql`false`
  return sql`coalesce((
        select coalesce(greatest(max(s.last_seq_scan), max(s.last_idx_scan)), max(d.stats_reset)) < clock_timestamp() - ${unread}::interval
        from pg_partition_tree(p.partition_oid) as t
        join pg_stat_all_tables as s on s.relid = t.relid
        join pg_stat_database as d on d.datname = current_database()
        where t.isleaf
      ), false)`
}
