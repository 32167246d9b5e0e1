// What retention looks at: a table's partitions as they are, and what pgstrata.retired_partition remembers of those that
// were taken out. A partition is known by its oid, never by its name alone: a name may be somebody else's by now.

import { onlyRow, type Queryable, type Session } from '../db/db.ts'
import { transaction } from '../db/transaction.ts'
import { sql, type Sql } from '../sql/sql.ts'
import { retainJson } from './missing.ts'
import type { PartitionedTable, Retention } from './options.ts'
import { periodParameters, type PeriodParameter } from './periods.ts'
import { readLargestId } from './queries.ts'
import { retirableText, retiredText } from './retire-rule.ts'
import { readTableTiers, type PartitionTier } from './tier-states.ts'

export interface LivePartition {
  readonly oid: number
  readonly schema: string
  readonly name: string
  readonly lower: string | null
  readonly upper: string | null
  readonly isDefault: boolean
  /** Half detached. */
  readonly pending: boolean
  /** Holds, or can hold, what is written now or later. */
  readonly ahead: boolean
  /** Past what is declared to be kept. */
  readonly due: boolean
  readonly tier: PartitionTier
}

export const retiredStates = ['detaching', 'detached', 'archived', 'dropped', 'kept', 'released'] as const
export type RetiredState = (typeof retiredStates)[number]

/** What the table of a record is now. */
type Whereabouts =
  /** A partition of its parent, as before. */
  | 'attached'
  /** Half detached. */
  | 'pending'
  /** An ordinary table under its name. */
  | 'apart'
  /** A partition, or an inheritance child, of another table. */
  | 'elsewhere'
  | 'renamed'
  | 'gone'

export interface RetiredRecord {
  readonly schema: string
  readonly name: string
  readonly oid: number
  readonly lower: string | null
  readonly upper: string | null
  readonly state: RetiredState
  readonly graceOver: boolean
  readonly finished: boolean
  readonly whereabouts: Whereabouts
}

export interface LiveParent {
  readonly oid: number
  /** timestamptz, timestamp, date, uuid, int8, … */
  readonly columnType: string
}

export interface RetirementState {
  readonly parent: LiveParent
  readonly partitions: readonly LivePartition[]
  readonly records: readonly RetiredRecord[]
}

/** Undefined: there is no such table, or it is not partitioned by ranges of the declared column. */
export async function readParent(on: Queryable, declared: PartitionedTable): Promise<LiveParent | undefined> {
  const { schema, table, layout } = declared
  const { rows } = await on.query<LiveParent>(sql`
    select c.oid::int8::float8 as oid, coalesce(base.typname, t.typname)::text as "columnType"
    from pg_class c
    join pg_namespace n on n.oid = c.relnamespace
    join pg_partitioned_table p on p.partrelid = c.oid
    join pg_attribute a on a.attrelid = c.oid and a.attnum = p.partattrs[0]
    join pg_type t on t.oid = a.atttypid
    left join pg_type base on base.oid = t.typbasetype
    where n.nspname = ${schema}
      and c.relname = ${table}
      and a.attname = ${layout.column}
      and p.partstrat = 'r'
      and p.partnatts = 1`)
  return rows[0]
}

/** Read in one snapshot. `at` undefined: now, by the database's clock. */
export async function readRetirement(
  session: Session,
  declared: PartitionedTable,
  at: Date | undefined,
): Promise<RetirementState | undefined> {
  return await transaction(
    session,
    async (tx) => {
      const parent = await readParent(tx, declared)
      if (parent === undefined) return undefined
      const partitions = await readLive(tx, declared, parent, at)
      return { parent, partitions, records: await readRecords(tx, declared, parent, at) }
    },
    { isolation: 'repeatable read', readOnly: true },
  )
}

async function readLive(
  tx: Queryable,
  declared: PartitionedTable,
  parent: LiveParent,
  at: Date | undefined,
): Promise<readonly LivePartition[]> {
  const largest = await readLargestId(tx, declared)
  const { partitions: tiers } = await readTableTiers(tx, declared)
  const { rows } = await tx.query<Omit<LivePartition, 'tier'>>(sql`
    select partition_oid::int8::float8 as oid, schema_name as schema, partition_name as name, lower_bound as lower,
      upper_bound as upper, is_default as "isDefault", pending, ahead, due
    from (${retirable(declared, parent, { at, largest })}) as retirable`)
  return rows.map((row) => ({ ...row, tier: tiers.get(row.oid)?.tier ?? 'hot' }))
}

/**
 * The partitions of a table, oldest first, and which of them a rule is over for: counted as retention counts. None: the
 * table is not there, or is not laid out as declared.
 */
export async function readDue(
  tx: Queryable,
  declared: PartitionedTable,
  { keep, at }: Pick<Retention, 'keep'> & { readonly at: Date | undefined },
): Promise<readonly LivePartition[]> {
  const parent = await readParent(tx, declared)
  if (parent === undefined) return []
  const retain: Retention = { keep, grace: '0', finally: 'drop', archive: undefined }
  return await readLive(tx, { ...declared, retain }, parent, at)
}

function retirable(
  declared: PartitionedTable,
  parent: LiveParent,
  { at, largest }: { readonly at: Date | undefined; readonly largest: bigint | undefined },
): Sql {
  const { layout } = declared
  const values: Readonly<Partial<Record<PeriodParameter, unknown>>> = {
    parent: parent.oid,
    column_type: parent.columnType,
    zone: layout.kind === 'time' ? layout.zone : 'UTC',
    retain: retainJson(declared),
    at: at ?? null,
    largest: largest?.toString() ?? null,
  }
  return fillParameters(
    retirableText,
    periodParameters.map(([name]) => values[name] ?? null),
  )
}

/** A text with $1 … $n as a value that can be spliced into another. */
function fillParameters(text: string, values: readonly unknown[]): Sql {
  const parts = text.split(/\$(\d+)/)
  return sql.join(
    parts.map((part, index) => (index % 2 === 0 ? sql.raw(part) : sql`${values[Number(part) - 1]}`)),
    '',
  )
}

/** Those that are not finished, and those that somebody took over, oldest first. */
async function readRecords(
  tx: Queryable,
  declared: PartitionedTable,
  parent: LiveParent,
  at: Date | undefined,
): Promise<readonly RetiredRecord[]> {
  const { rows } = await tx.query<RetiredRecord>(sql`
    select partition_schema as schema, partition_name as name, partition_oid::int8::float8 as oid,
      lower_bound as lower, upper_bound as upper, state, grace_over as "graceOver", finished, whereabouts
    from (${fillParameters(retiredText, [parent.oid, declared.schema, declared.table, at ?? null])}) as retired`)
  return rows
}

export interface Attachment {
  readonly state: 'attached' | 'pending' | 'apart'
  /** As it is called now. */
  readonly schema: string
  readonly name: string
}

/** What a partition is to its parent now; undefined: it is gone. */
export async function readAttachment(on: Queryable, parentOid: number, oid: number): Promise<Attachment | undefined> {
  const { rows } = await on.query<Attachment>(sql`
    select case when i.inhrelid is null then 'apart' when i.inhdetachpending then 'pending' else 'attached' end as state,
      n.nspname::text as schema, c.relname::text as name
    from pg_class c
    join pg_namespace n on n.oid = c.relnamespace
    left join pg_inherits i on i.inhrelid = c.oid and i.inhparent = ${parentOid}::oid
    where c.oid = ${oid}::oid`)
  return rows[0]
}

/** That it is about to be taken out. One that was noted before, and did not come to it, keeps its note. */
export async function noteDetaching(
  tx: Queryable,
  declared: PartitionedTable,
  partition: LivePartition,
): Promise<void> {
  await tx.query(sql`
    insert into pgstrata.retired_partition
      (schema_name, table_name, partition_schema, partition_name, partition_oid, lower_bound, upper_bound)
    select ${declared.schema}, ${declared.table}, ${partition.schema}, ${partition.name}, ${partition.oid}::oid,
      ${partition.lower}, ${partition.upper}
    where not exists (
      select
      from pgstrata.retired_partition
      where schema_name = ${declared.schema}
        and table_name = ${declared.table}
        and partition_oid = ${partition.oid}::oid
        and finished_at is null
    )`)
}

/** The grace begins. */
export async function noteDetached(
  tx: Queryable,
  table: PartitionedTable,
  oid: number,
  at: Date | undefined,
): Promise<void> {
  const moment = sql`coalesce(${at ?? null}::timestamptz, clock_timestamp())`
  await tx.query(sql`
    update pgstrata.retired_partition
    set state = 'detached', drop_after = ${moment} + ${table.retain?.grace ?? '0'}::interval
    where ${openRecord(table, oid)}`)
}

export async function noteArchived(tx: Queryable, table: PartitionedTable, oid: number): Promise<void> {
  await tx.query(sql`
    update pgstrata.retired_partition
    set state = 'archived'
    where ${openRecord(table, oid)}`)
}

export async function noteFinished(
  tx: Queryable,
  table: PartitionedTable,
  oid: number,
  end: { readonly state: 'dropped' | 'kept' | 'released'; readonly note?: string | undefined },
): Promise<void> {
  await tx.query(sql`
    update pgstrata.retired_partition
    set state = ${end.state}, note = ${end.note ?? null}, finished_at = clock_timestamp()
    where ${openRecord(table, oid)}`)
}

/** It was not begun after all. */
export async function forgetDetaching(tx: Queryable, table: PartitionedTable, oid: number): Promise<void> {
  await tx.query(sql`
    delete from pgstrata.retired_partition
    where ${openRecord(table, oid)}
      and state = 'detaching'`)
}

function openRecord(table: PartitionedTable, oid: number): Sql {
  return sql`schema_name = ${table.schema}
      and table_name = ${table.table}
      and partition_oid = ${oid}::oid
      and finished_at is null`
}

export async function isForeignTable(on: Queryable, oid: number): Promise<boolean> {
  const { rows } = await on.query(sql`select from pg_class where oid = ${oid}::oid and relkind = 'f'`)
  return rows.length > 0
}

/**
 * Under a lock that nobody else can have at the same time: whether this name is still the table of that oid, and that of
 * nobody's partition.
 */
export async function isStillApart(
  tx: Queryable,
  record: { readonly schema: string; readonly name: string; readonly oid: number },
): Promise<boolean> {
  const answer = await tx.query<{ same: boolean }>(sql`
    select count(*) > 0 as same
    from pg_class c
    join pg_namespace n on n.oid = c.relnamespace
    where c.oid = ${record.oid}::oid
      and n.nspname = ${record.schema}
      and c.relname = ${record.name}
      and not c.relispartition
      and not exists (select from pg_inherits where inhrelid = c.oid)`)
  return onlyRow(answer).same
}
