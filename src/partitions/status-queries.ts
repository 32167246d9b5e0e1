// What the status of a table shows beyond what planning reads: sizes, estimates, and when things will happen.

import type { Queryable } from '../db/db.ts'
import { sql, type Sql } from '../sql/sql.ts'
import type { PartitionedTable } from './options.ts'
import { retiredStates, type RetiredState } from './retire-queries.ts'

export interface PartitionRow {
  readonly oid: number
  readonly schema: string
  readonly name: string
  /** 'FOR VALUES FROM … TO …', 'DEFAULT' */
  readonly bound: string
  readonly isDefault: boolean
  /** Of the planner; null: never analysed. */
  readonly rows: number | null
  readonly sizeBytes: number
  /** How many it is divided into; 0: it is not. */
  readonly parts: number
  readonly pending: boolean
  /** When retention by age takes it out. */
  readonly detachedOn: Date | null
}

/**
 * In the order of their bounds as far as they are times or numbers, the default partition last. `columnType` undefined: it is
 * not laid out by the declared column. A partition that is dropped meanwhile has no size.
 */
export async function readPartitionRows(
  on: Queryable,
  declared: PartitionedTable,
  { oid, columnType }: { readonly oid: number; readonly columnType: string | undefined },
): Promise<readonly PartitionRow[]> {
  await on.query(sql`set local datestyle = 'ISO'`)
  const { rows } = await on.query<PartitionRow>(sql`
    with known as (
      select c.oid, n.nspname::text as schema, c.relname::text as name, pg_get_expr(c.relpartbound, c.oid) as bound,
        i.inhdetachpending as pending
      from pg_inherits i
      join pg_class c on c.oid = i.inhrelid
      join pg_namespace n on n.oid = c.relnamespace
      where i.inhparent = ${oid}::oid
    ), bounded as (
      select known.*,
        trim(both '''' from (regexp_match(bound, 'FROM [(](.*)[)] TO'))[1]) as lower,
        trim(both '''' from (regexp_match(bound, 'TO [(](.*)[)]$'))[1]) as upper
      from known
    )
    select b.oid::int8::float8 as oid, b.schema, b.name, b.bound, b.bound = 'DEFAULT' as "isDefault", b.pending,
      case when bool_or(l.reltuples >= 0) then sum(greatest(l.reltuples, 0)) end::float8 as rows,
      coalesce(sum(case when l.relkind in ('r', 'm') then pg_total_relation_size(l.oid) end), 0)::float8 as "sizeBytes",
      (count(*) filter (where l.oid <> b.oid))::int4 as parts,
      ${detachedOn(declared, columnType)} as "detachedOn"
    from bounded b
    cross join lateral pg_partition_tree(b.oid) t
    join pg_class l on l.oid = t.relid
    where t.isleaf
    group by b.oid, b.schema, b.name, b.bound, b.pending, b.lower, b.upper
    order by b.bound = 'DEFAULT', ${place(declared, columnType)}, b.name`)
  return rows
}

function place({ layout }: PartitionedTable, columnType: string | undefined): Sql {
  if (columnType === undefined) return sql`null::text`
  if (layout.kind === 'hash') return sql`(regexp_match(b.bound, 'remainder ([0-9]+)'))[1]::int4`
  const lower = sql`case b.lower when 'MINVALUE' then null else b.lower end`
  if (layout.kind === 'id') return sql`(${lower})::numeric nulls first`
  return columnType === 'uuid' ? sql`${lower} nulls first` : sql`(${lower})::timestamptz nulls first`
}

function detachedOn({ layout, retain }: PartitionedTable, columnType: string | undefined): Sql {
  if (columnType === undefined || layout.kind !== 'time' || retain === undefined || !('age' in retain.keep))
    return sql`null::timestamptz`
  // Beyond the year 9999 it is never.
  const upper = sql`case when b.upper in ('MAXVALUE', 'infinity', '-infinity') or b.upper ~ '^[0-9]{5}' and ${columnType} <> 'uuid' then null else b.upper end`
  const ends = {
    timestamptz: sql`(${upper})::timestamptz at time zone ${layout.zone}`,
    uuid: sql`to_timestamp(('x' || substr(replace(${upper}, '-', ''), 1, 12))::bit(48)::int8 / 1000.0) at time zone ${layout.zone}`,
  }[columnType]
  return sql`((${ends ?? sql`(${upper})::timestamp`} + ${retain.keep.age}::interval) at time zone ${layout.zone})`
}

export interface RetiredRow {
  readonly schema: string
  readonly name: string
  readonly state: RetiredState
  readonly retiredAt: Date
  readonly dropAfter: Date | null
  readonly finishedAt: Date | null
  readonly note: string | null
}

const mostRetired = 100

/** Those that are not finished, and the last that are. */
export async function readRetiredRows(on: Queryable, declared: PartitionedTable): Promise<readonly RetiredRow[]> {
  if (!(await isInstalled(on))) return []
  const { rows } = await on.query<RetiredRow>(sql`
    select partition_schema as schema, partition_name as name, state, retired_at as "retiredAt", drop_after as "dropAfter",
      finished_at as "finishedAt", note
    from pgstrata.retired_partition
    where schema_name = ${declared.schema}
      and table_name = ${declared.table}
    order by finished_at is not null, retired_at desc, partition_name
    limit ${mostRetired}`)
  return rows.filter(({ state }) => retiredStates.includes(state))
}

async function isInstalled(on: Queryable): Promise<boolean> {
  const { rows } = await on.query(sql`select where to_regclass('pgstrata.retired_partition') is not null`)
  return rows.length > 0
}

/** When the period after that of now begins: then the next partition ahead is made. Null for ids. */
export async function readNextPeriod(on: Queryable, { layout }: PartitionedTable): Promise<Date | null> {
  if (layout.kind !== 'time') return null
  const { grain, zone } = layout
  const length = { hour: '1 hour', day: '1 day', week: '7 days', month: '1 month', quarter: '3 months', year: '1 year' }
  const { rows } = await on.query<{ next: Date }>(sql`
    select (date_trunc(${grain}, clock_timestamp() at time zone ${zone}) + ${length[grain]}::interval) at time zone ${zone} as next`)
  return rows[0]?.next ?? null
}
