// What is in a default partition: which periods its rows belong to, and which of its rows belong to none that may be made.

import type { Queryable } from '../db/db.ts'
import { quoteQualified } from '../sql/quote.ts'
import { sql, type Sql } from '../sql/sql.ts'
import { readTableFacts } from './convert/read-table.ts'
import { readMissing, type MissingPartition } from './missing.ts'
import type { Layout, PartitionedTable } from './options.ts'
import type { TableTraits } from './template.ts'
import { readTable } from './queries.ts'

export interface DefaultPartition {
  readonly oid: number
  readonly schema: string
  readonly name: string
  readonly sizeBytes: number
  /** An ordinary table: not divided again, not foreign. */
  readonly isPlain: boolean
}

export interface DrainSubject {
  readonly declared: PartitionedTable
  readonly parentOid: number
  /** What stands behind PARTITION BY: 'RANGE (played_at)'. */
  readonly partitionKey: string
  readonly columnType: string
  readonly traits: TableTraits
  /** All but generated ones. */
  readonly columns: readonly string[]
  /** Of a unique key that the parent has; empty: it has none. */
  readonly keyColumns: readonly string[]
  readonly hasForeignKeys: boolean
  readonly from: DefaultPartition
}

/** Undefined: the table is not partitioned by its column, or has no default partition. */
export async function readDrainSubject(on: Queryable, declared: PartitionedTable): Promise<DrainSubject | undefined> {
  const state = await readTable(on, declared)
  if (state?.kind !== 'partitioned' || state.key?.strategy !== 'range') return undefined
  if (state.key.columns.length !== 1 || state.key.columns[0] !== declared.layout.column) return undefined
  const from = await readDefault(on, state.oid)
  if (from === undefined) return undefined
  const facts = await readTableFacts(on, declared)
  const { rows } = await on.query<{ key: string; foreign: boolean }>(sql`
    select pg_get_partkeydef(${state.oid}::oid) as key,
      exists (select from pg_constraint where conrelid = ${state.oid}::oid and contype = 'f') as foreign`)
  return {
    declared,
    parentOid: state.oid,
    partitionKey: rows[0]?.key ?? '',
    columnType: facts.columnType,
    traits: state.traits,
    columns: facts.columns,
    keyColumns: facts.keyColumns,
    hasForeignKeys: rows[0]?.foreign ?? false,
    from,
  }
}

export async function readDefault(on: Queryable, parentOid: number): Promise<DefaultPartition | undefined> {
  const { rows } = await on.query<DefaultPartition>(sql`
    select c.oid::int8::float8 as oid, n.nspname::text as schema, c.relname::text as name, c.relkind = 'r' as "isPlain",
      case when c.relkind = 'r' then pg_table_size(c.oid) else 0 end::float8 as "sizeBytes"
    from pg_partitioned_table p
    join pg_class c on c.oid = p.partdefid
    join pg_namespace n on n.oid = c.relnamespace
    where p.partrelid = ${parentOid}::oid`)
  return rows[0]
}

/** Counted up to `most`. */
export async function countRows(on: Queryable, table: DefaultPartition, most: number): Promise<number> {
  const { rows } = await on.query<{ rows: number }>(sql`
    select count(*)::int4 as rows
    from (select from ${sql.ident(table.schema, table.name)} limit ${most}) as found`)
  return rows[0]?.rows ?? 0
}

export interface StrayRows {
  /** Rows by period, most first: as many as one run moves. */
  readonly periods: readonly StrayPeriod[]
  /** Periods beyond those. */
  readonly left: number
  /** At ±infinity (or NaN), or so far away that no period has a name. */
  readonly placeless: number
  /** Of periods that retention would take out again. */
  readonly past: number
}

export interface StrayPeriod {
  /** Where it begins: a wall clock of the zone, or an id. */
  readonly begins: string
  /** A moment in it; null for ids. */
  readonly at: Date | null
  readonly rows: number
}

interface StrayRow {
  readonly periods: readonly { readonly begins: string; readonly atMs: number | null; readonly rows: number }[]
  readonly left: number
  readonly placeless: number
  readonly past: number
}

/**
 * Tables that one run makes, at most, as many as a step of a plan: 100 partitions were attached in 361 ms behind the locks of the
 * exchange, 100 of four parts each in 566 ms.
 */
const mostTables = 48

/** Reads the whole default partition, once. `at` undefined: now, by the database's clock. */
export async function readStrayRows(on: Queryable, subject: DrainSubject, at: Date | undefined): Promise<StrayRows> {
  const { layout } = subject.declared
  const parts = layout.kind === 'hash' ? 0 : (layout.split?.into ?? 0)
  const mostPeriods = Math.max(1, Math.floor(mostTables / (1 + parts)))
  const stray = layout.kind === 'id' ? strayIds(subject, layout) : strayTimes(subject, at)
  const { rows } = await on.query<StrayRow>(sql`
    with stray as materialized (${stray}
    ), placed as (
      select * from stray where begins is not null and not past
    ), chosen as (
      select * from placed order by rows desc, at, begins limit ${mostPeriods}
    )
    select (select coalesce(json_agg(json_build_object('begins', begins, 'atMs', extract(epoch from at) * 1000, 'rows', rows)
        order by rows desc, at, begins), '[]') from chosen) as periods,
      ((select count(*) from placed) - (select count(*) from chosen))::float8 as left,
      coalesce(sum(rows) filter (where begins is null), 0)::float8 as placeless,
      coalesce(sum(rows) filter (where begins is not null and past), 0)::float8 as past
    from stray`)
  const [row] = rows
  return {
    periods: (row?.periods ?? []).map(({ atMs, ...one }) => ({ ...one, at: atMs === null ? null : new Date(atMs) })),
    left: row?.left ?? 0,
    placeless: row?.placeless ?? 0,
    past: row?.past ?? 0,
  }
}

function strayTimes({ declared, columnType, from }: DrainSubject, at: Date | undefined): Sql {
  const { layout, retain } = declared
  if (layout.kind !== 'time') throw new RangeError('not a layout by time')
  const { grain, zone } = layout
  const column = sql.ident(layout.column)
  const local = localTime(column, columnType, zone)
  const length = { hour: '1 hour', day: '1 day', week: '7 days', month: '1 month', quarter: '3 months', year: '1 year' }
  const age = retain !== undefined && 'age' in retain.keep ? retain.keep.age : null
  // Years with four digits: bounds and names are written with these.
  return sql`
    select to_char(begins, 'YYYY-MM-DD HH24:MI:SS') as begins,
      begins at time zone ${zone} as at,
      coalesce(begins + ${length[grain]}::interval
        <= coalesce(${at ?? null}::timestamptz, clock_timestamp()) at time zone ${zone} - ${age}::interval, false) as past,
      count(*)::float8 as rows
    from (
      select case when isfinite(place) and place >= '0001-01-08' and place < '9999-12-24' then date_trunc(${grain}, place) end as begins
      from (select ${local} as place from ${sql.ident(from.schema, from.name)}) as placed
    ) as stray
    group by begins`
}

function localTime(column: Sql, columnType: string, zone: string): Sql {
  switch (columnType) {
    case 'timestamptz':
      return sql`(${column}::timestamptz at time zone ${zone})`
    case 'uuid':
      return sql`(to_timestamp(('x' || substr(replace(${column}::text, '-', ''), 1, 12))::bit(48)::int8 / 1000.0) at time zone ${zone})`
    default:
      return sql`${column}::timestamp`
  }
}

function strayIds({ from }: DrainSubject, layout: Extract<Layout, { kind: 'id' }>): Sql {
  const id = sql`${sql.ident(layout.column)}::numeric`
  const step = sql`${layout.step.toString()}::numeric`
  // A numeric may be what no bigint is.
  return sql`
    select begins::text as begins, null::timestamptz as at, false as past, count(*)::float8 as rows
    from (
      select case when ${id} >= -9223372036854775808 and ${id} < 9223372036854775807 then floor(${id} / ${step}) * ${step} end as begins
      from ${sql.ident(from.schema, from.name)}
    ) as stray
    group by begins`
}

/** The partitions that a period needs: itself, or what of it no partition covers. */
export async function readMissingOfPeriod(
  on: Queryable,
  { declared, parentOid, columnType }: DrainSubject,
  period: StrayPeriod,
): Promise<readonly MissingPartition[]> {
  const alone: PartitionedTable = { ...declared, ahead: 0, retain: undefined }
  return await readMissing(on, {
    declared: alone,
    parent: parentOid,
    columnType,
    starts: period.begins,
    at: period.at ?? undefined,
    ...(period.at === null ? { largest: BigInt(period.begins) } : {}),
  })
}

export interface RangeOf {
  /** Without quotes; MINVALUE, MAXVALUE. */
  readonly lower: string
  readonly upper: string
}

/** The bounds of all partitions but the default one. */
export async function readRanges(on: Queryable, parentOid: number): Promise<readonly RangeOf[]> {
  const { rows } = await on.query<RangeOf>(sql`
    select trim(both '''' from bound[1]) as lower, trim(both '''' from bound[2]) as upper
    from pg_inherits i
    join pg_class c on c.oid = i.inhrelid
    cross join lateral regexp_match(pg_get_expr(c.relpartbound, c.oid), '^FOR VALUES FROM [(](.*)[)] TO [(](.*)[)]$') as bound
    where i.inhparent = ${parentOid}::oid
      and bound is not null
    order by c.oid`)
  return rows
}

/** A table of that name, quoted, is there. */
export async function isThere(on: Queryable, schema: string, name: string): Promise<boolean> {
  const { rows } = await on.query(sql`select where to_regclass(${quoteQualified(schema, name)}) is not null`)
  return rows.length > 0
}
