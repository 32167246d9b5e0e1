// pgstrata.layout: what the upkeep of partitions knows of each table, also where no configuration is at hand (SQL, other
// jobs). Its rows are written by steps of the plan, so that they say what was applied and not what somebody has typed.

import type { Queryable } from '../db/db.ts'
import { quoteLiteral } from '../sql/quote.ts'
import { sql } from '../sql/sql.ts'
import type { PartitionedTable } from './options.ts'
import { retainJson } from './periods.ts'

export interface LayoutRow {
  readonly schema_name: string
  readonly table_name: string
  readonly kind: string
  readonly column_name: string
  readonly grain: string | null
  /** A bigint, as text. */
  readonly step: string | null
  readonly zone: string
  readonly starts: string | null
  readonly ahead: number
  readonly names: string
  readonly outside: string
  readonly make: readonly string[]
  readonly retain: Readonly<Record<string, unknown>> | null
}

/** None where the table is not there yet. */
export async function readLayoutRows(on: Queryable): Promise<readonly LayoutRow[]> {
  const present = await on.query(sql`select where to_regclass('pgstrata.layout') is not null`)
  if (present.rows.length === 0) return []
  const { rows } = await on.query<LayoutRow>(sql`
    select schema_name, table_name, kind, column_name, grain, step::text as step, zone, starts, ahead, names, outside, make, retain
    from pgstrata.layout
    order by schema_name, table_name`)
  return rows
}

export function layoutRowOf(declared: PartitionedTable, make: readonly string[]): LayoutRow {
  const { layout } = declared
  const retain = retainJson(declared)
  return {
    schema_name: declared.schema,
    table_name: declared.table,
    kind: layout.kind,
    column_name: layout.column,
    grain: layout.kind === 'time' ? layout.grain : null,
    step: layout.kind === 'id' ? layout.step.toString() : null,
    zone: layout.kind === 'time' ? layout.zone : 'UTC',
    starts: declared.from ?? null,
    ahead: declared.ahead,
    names: declared.names,
    outside: declared.outside,
    make,
    retain: retain === null ? null : (JSON.parse(retain) as Record<string, unknown>),
  }
}

export function isSameRow(left: LayoutRow, right: LayoutRow): boolean {
  return canonical(left) === canonical(right)
}

/** jsonb gives its keys back in an order of its own. */
function canonical(row: LayoutRow): string {
  const retain = row.retain === null ? null : Object.entries(row.retain).toSorted(([a], [b]) => (a < b ? -1 : 1))
  return JSON.stringify(Object.entries({ ...row, retain }).toSorted(([a], [b]) => (a < b ? -1 : 1)))
}

export function upsertLayout(row: LayoutRow): string {
  const values = Object.entries(row).map(([column, value]) => [column, literalOf(column, value)] as const)
  const settable = values.filter(([column]) => column !== 'schema_name' && column !== 'table_name')
  return `${row.retain === null ? `${keepRetired(row)}\n` : ''}insert into pgstrata.layout (${values.map(([column]) => column).join(', ')})
values (${values.map(([, value]) => value).join(', ')})
on conflict (schema_name, table_name) do update
set (${settable.map(([column]) => column).join(', ')}, updated_at)
  = (${settable.map(([column]) => `excluded.${column}`).join(', ')}, clock_timestamp())`
}

function literalOf(column: string, value: LayoutRow[keyof LayoutRow]): string {
  if (value === null) return 'null'
  if (column === 'make') return `array[${(value as readonly string[]).map(quoteLiteral).join(', ')}]::text[]`
  if (column === 'retain') return `${quoteLiteral(JSON.stringify(value))}::jsonb`
  return typeof value === 'number' ? String(value) : quoteLiteral(value as string)
}

/** What waited for its end is kept: declared again one day, its grace would be long over. */
function keepRetired(row: Pick<LayoutRow, 'schema_name' | 'table_name'>): string {
  return `with kept as (
  update pgstrata.retired_partition
  set state = 'kept', note = 'no retention is declared any more', finished_at = clock_timestamp()
  where schema_name = ${quoteLiteral(row.schema_name)}
    and table_name = ${quoteLiteral(row.table_name)}
    and state in ('detached', 'archived')
    and finished_at is null
)`
}

export function deleteLayout(row: Pick<LayoutRow, 'schema_name' | 'table_name'>): string {
  return `${keepRetired(row)}
delete from pgstrata.layout
where schema_name = ${quoteLiteral(row.schema_name)}
  and table_name = ${quoteLiteral(row.table_name)}`
}

export function findLayoutRow(
  rows: readonly LayoutRow[],
  { schema, table }: Pick<PartitionedTable, 'schema' | 'table'>,
): LayoutRow | undefined {
  return rows.find((row) => row.schema_name === schema && row.table_name === table)
}
