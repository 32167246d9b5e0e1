// What other features may know of a table that has tiers: under which names all of its rows are read. Without tiers, or
// before schema "pgstrata" knows them, nothing.

import type { Queryable } from '../db/db.ts'
import { quoteQualified } from '../sql/quote.ts'
import { sql } from '../sql/sql.ts'

/** What tells this database from all others, those of the same cluster too: oids and numbers of columns are others' in a copy. */
export const thisDatabase = `(select system_identifier || ':' || (select oid from pg_database where datname = current_database()) from pg_control_system())`

/** The partition of a row `p` of pgstrata.tier_partition, of a table of a row `t`; null: it is cold, or gone. */
export const partitionOf: string = `case when t.declared ->> 'system' = ${thisDatabase} or p.partition_oid is null then p.partition_oid
      else to_regclass(format('%I.%I', p.partition_schema, p.partition_name)) end`

interface Place {
  readonly schema: string
  readonly table: string
}

/** Names as SQL writes them. */
export interface Tiered {
  readonly number: number
  /** A view of all rows that are not cold. */
  readonly history: string
  /** The same between two values of the partition column, the second excluded: `select * from between(since, until)`. */
  readonly between: string
  /** The same, for an interval that is no constant and mostly of a time of which nothing is packed: packs are planned only then. */
  readonly cut: string
  /** A view of those that are not in the table. Whoever reads has locked it before the table's partitions. */
  readonly unpacked: string
  /** Rows that are changed after they were packed: what captures changes of the table captures updates and deletes of it, too. */
  readonly loose: string
  readonly hasPacks: boolean
}

/** What applications read and call, in the schema of the table. Somebody else's relation may stand there. */
export interface ReaderNames {
  readonly history: string
  readonly between: string
  readonly segments: string
}

export function readerNames({ table }: Pick<Place, 'table'>): ReaderNames {
  return { history: `${table}_history`, between: `${table}_between`, segments: `${table}_segments` }
}

/** In schema "pgstrata". */
export function looseName(number: number): string {
  return `tier_${number}_loose`
}

/** The same. */
export function unpackedName(number: number): string {
  return `tier_${number}_unpacked`
}

/** The same. */
export function cutName(number: number): string {
  return `tier_${number}_cut`
}

/** Undefined: all of the table's rows are in the table, or were never packed by what is installed. */
export async function readTiered(on: Queryable, { schema, table }: Place): Promise<Tiered | undefined> {
  const names = readerNames({ table })
  const history = quoteName(schema, names.history)
  if (history === undefined || !(await knowsTiers(on))) return undefined
  const { rows } = await on.query<{ number: number; hasPacks: boolean }>(sql`
    select t.id as number,
      exists (select from pgstrata.tier_partition p where p.tier_table = t.id and p.pack is not null) as "hasPacks"
    from pgstrata.tier_table t
    where t.schema_name = ${schema}
      and t.table_name = ${table}
      and to_regclass(${history}) is not null`)
  const [row] = rows
  if (row === undefined) return undefined
  return {
    ...row,
    history,
    between: quoteQualified(schema, names.between),
    cut: quoteQualified('pgstrata', cutName(row.number)),
    unpacked: quoteQualified('pgstrata', unpackedName(row.number)),
    loose: quoteQualified('pgstrata', looseName(row.number)),
  }
}

/** A process that reads a rollup looks for how it is kept as often. */
export const shapeMemoryMs = 60_000

/**
 * Rollups of the table that some process may still read from the table alone: they were applied before it had tiers, or so lately
 * that not everybody has looked again. Nothing may leave the table before there are none.
 */
export async function readUnprepared(on: Queryable, { schema, table }: Place): Promise<readonly string[]> {
  const { rows } = await on.query<{ name: string }>(sql`
    select name
    from pgstrata.rollup
    where schema_name = ${schema}
      and table_name = ${table}
      and (not shape ? 'tiered'
        or (shape ->> 'tieredAt')::timestamptz > clock_timestamp() - ${2 * shapeMemoryMs} * interval '1 millisecond')
    order by name`)
  return rows.map(({ name }) => name)
}

/** Where periods end whose rows are in an archive alone, as SQL writes bounds. */
export async function readColdUppers(on: Queryable, { schema, table }: Place): Promise<readonly string[]> {
  if (!(await knowsTiers(on))) return []
  const { rows } = await on.query<{ upper: string }>(sql`
    select p.upper_bound as upper
    from pgstrata.tier_partition p
    join pgstrata.tier_table t on t.id = p.tier_table
    where t.schema_name = ${schema}
      and t.table_name = ${table}
      and p.rest = 'cold'
    order by p.id`)
  return rows.map(({ upper }) => upper)
}

/** A name that would be too long is nobody's. */
function quoteName(schema: string, name: string): string | undefined {
  return Buffer.byteLength(name) > 63 ? undefined : quoteQualified(schema, name)
}

async function knowsTiers(on: Queryable): Promise<boolean> {
  return (await on.query(sql`select where to_regclass('pgstrata.tier_table') is not null`)).rows.length > 0
}
