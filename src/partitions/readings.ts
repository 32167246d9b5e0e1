// Reads what the plan of one table needs, and no more than that: of a table that cannot be laid out, only itself.

import type { Queryable, Session } from '../db/db.ts'
import { parseSql } from '../sql/parse.ts'
import { sql } from '../sql/sql.ts'
import type { BoundItem, BoundSubject } from './convert/bound/item.ts'
import { findObstacle } from './fit.ts'
import { findLayoutRow, type LayoutRow } from './layout-rows.ts'
import { readMissing, type MissingPartition } from './missing.ts'
import type { PartitionedTable } from './options.ts'
import type { TableReading } from './plan.ts'
import { isEmpty, readLargestId, readPartitions, readTable, type TableState } from './queries.ts'
import { replacementNames } from './replace-empty.ts'
import { createIndex } from './template.ts'
import { noTiers, readTableTiers } from './tier-states.ts'

export type ReadBound = (session: Session, subject: BoundSubject) => Promise<readonly BoundItem[]>

export interface ReadingTools {
  /** Undefined: tables that are not partitioned yet are only looked at. */
  readonly readBound: ReadBound | undefined
  readonly rows: readonly LayoutRow[]
  /** Undefined: now, by the database's clock. */
  readonly at?: Date | undefined
}

/** Correlation of the column with the order of rows, from which on a BRIN index is worth having. */
const orderedFrom = 0.9
/** Rows of a partition, from which on its statistics say how a table is filled. */
const tellingRows = 10_000

export async function readTableState(
  session: Session,
  declared: PartitionedTable,
  { readBound, rows, at }: ReadingTools,
): Promise<TableReading> {
  const state = await readTable(session, declared)
  const reading: TableReading = {
    declared,
    state,
    isEmpty: false,
    isConverting: await readIsConverting(session, declared),
    partitions: [],
    missing: [],
    inDefault: new Set(),
    bound: [],
    isOrdered: true,
    unreadableIndex: await findUnreadableIndex(declared),
    row: findLayoutRow(rows, declared),
    tiers: noTiers,
  }
  if (state === undefined || reading.isConverting || findObstacle(declared, state) !== undefined) return reading
  if (state.kind === 'partitioned') {
    const partitions = await readPartitions(session, state.oid)
    const missing = await readMissingOf(session, declared, state, at)
    return {
      ...reading,
      partitions,
      missing,
      inDefault: await readInDefault(session, { declared, partitions, missing }),
      isOrdered: await readIsOrdered(session, declared, state.oid),
      tiers: await readTableTiers(session, declared),
    }
  }
  const empty = await isEmpty(session, declared)
  if (!empty) return { ...reading, isOrdered: await readIsOrdered(session, declared, state.oid) }
  const { layout, accept } = declared
  const subject: BoundSubject = { names: replacementNames(declared), method: 'empty', layout, accept }
  return {
    ...reading,
    isEmpty: true,
    missing: await readMissingOf(session, declared, state, at),
    bound: readBound === undefined ? [] : await readBound(session, subject),
  }
}

/** What is declared goes into a statement as it is written: it must not end it and begin another. */
async function findUnreadableIndex({ schema, table, indexes }: PartitionedTable): Promise<string | undefined> {
  for (const index of indexes) {
    const [create = ''] = createIndex(schema, table, index)
    const kinds = await parseSql(create).then(
      (statements) => statements.map(({ kind }) => kind),
      () => [],
    )
    if (kinds.join() !== 'IndexStmt') return index.name
  }
  return undefined
}

async function readMissingOf(
  on: Queryable,
  declared: PartitionedTable,
  state: TableState,
  at: Date | undefined,
): Promise<readonly MissingPartition[]> {
  const { layout } = declared
  if (layout.kind === 'hash') return []
  return await readMissing(on, {
    declared,
    parent: state.kind === 'partitioned' ? state.oid : undefined,
    columnType: state.columns.find(({ name }) => name === layout.column)?.type ?? '',
    at,
    largest: await readLargestId(on, declared),
  })
}

export async function readIsConverting(on: Queryable, { schema, table }: PartitionedTable): Promise<boolean> {
  const present = await on.query(sql`select where to_regclass('pgstrata.conversion') is not null`)
  if (present.rows.length === 0) return false
  const { rows } = await on.query(sql`
    select from pgstrata.conversion
    where schema_name = ${schema}
      and table_name = ${table}
      and finished_at is null`)
  return rows.length > 0
}

/** Missing periods of which the default partition has rows: ATTACH would refuse them. */
async function readInDefault(
  on: Queryable,
  { declared, partitions, missing }: Pick<TableReading, 'declared' | 'partitions' | 'missing'>,
): Promise<ReadonlySet<string>> {
  const there = partitions.find(({ isDefault }) => isDefault)
  if (there === undefined || missing.length === 0) return new Set()
  const table = sql.ident(there.schema, there.name)
  const column = sql.ident(declared.layout.column)
  if ((await on.query(sql`select from ${table} limit 1`)).rows.length === 0) return new Set()
  const cases = missing.map(({ name, lower, upper }) => {
    const above = lower === 'minvalue' ? sql`true` : sql`${column} >= ${sql.raw(lower)}`
    const below = upper === 'maxvalue' ? sql`true` : sql`${column} < ${sql.raw(upper)}`
    return sql`when ${above} and ${below} then ${sql.literal(name)}`
  })
  const { rows } = await on.query<{ name: string | null }>(sql`
    select distinct case ${sql.join(cases, '\n')} end as name
    from ${table}
    limit ${missing.length + 1}`)
  return new Set(rows.flatMap(({ name }) => name ?? []))
}

/** True where nothing is known: a table of time is filled in the order of time unless measured otherwise. */
export async function readIsOrdered(on: Queryable, declared: PartitionedTable, oid: number): Promise<boolean> {
  if (!declared.brin || declared.layout.kind !== 'time') return false
  const { rows } = await on.query<{ correlation: number }>(sql`
    select abs(s.correlation)::float8 as correlation
    from pg_partition_tree(${oid}) t
    join pg_class c on c.oid = t.relid
    join pg_namespace n on n.oid = c.relnamespace
    join pg_stats s on s.schemaname = n.nspname and s.tablename = c.relname
    where c.relkind = 'r'
      and not s.inherited
      and s.attname = ${declared.layout.column}
      and c.reltuples >= ${tellingRows}
    order by c.oid desc
    limit 5`)
  const known = rows.map(({ correlation }) => correlation).toSorted((left, right) => left - right)
  return (known[Math.floor(known.length / 2)] ?? 1) >= orderedFrom
}
