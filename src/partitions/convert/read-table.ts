// What a conversion has to know of the table itself.

import { StrataError } from '../../base/errors.ts'
import { onlyRow, type Queryable } from '../../db/db.ts'
import { neverNull } from '../../db/not-null.ts'
import { quoteQualified } from '../../sql/quote.ts'
import { sql } from '../../sql/sql.ts'
import type { PartitionedTable } from '../options.ts'
import type { ConversionRecord, TableFacts } from './record.ts'

function partitionColumnsOf({ layout }: PartitionedTable): readonly string[] {
  if (layout.kind === 'hash') return [layout.column]
  return [layout.column, ...(layout.split === undefined ? [] : [layout.split.column])]
}

export async function readTableOid(
  on: Queryable,
  table: { readonly schema: string; readonly table: string },
): Promise<number> {
  const name = quoteQualified(table.schema, table.table)
  const { rows } = await on.query<{ oid: number | null }>(sql`select to_regclass(${name})::oid::int8::float8 as oid`)
  const oid = rows[0]?.oid ?? null
  if (oid === null) throw new StrataError('TABLE_UNKNOWN', { message: `There is no table ${name}` })
  return oid
}

export async function isThere(on: Queryable, oid: number): Promise<boolean> {
  return (await on.query(sql`select from pg_class where oid = ${oid}::int8::oid`)).rowCount > 0
}

/** Until the swap the table goes by its name: another one that was put in its place would be copied, and swapped. */
export async function requireSameTable(on: Queryable, { names, facts }: ConversionRecord): Promise<void> {
  const name = quoteQualified(names.schema, names.table)
  const answer = await on.query<{ oid: number | null; own: string | null }>(sql`
    select to_regclass(${name})::oid::int8::float8 as oid,
      (
        select format('%I.%I', n.nspname, c.relname)
        from pg_class c
        join pg_namespace n on n.oid = c.relnamespace
        where c.oid = ${facts.oid}::int8::oid
      ) as own`)
  const { oid, own } = onlyRow(answer)
  if (oid === facts.oid) return
  throw new StrataError('CONVERT_FAILED', {
    message: `${name} is not the table whose conversion began`,
    got: own === null ? 'that one was dropped' : `that one is ${own} now`,
    advice:
      own === null
        ? 'Run `pgstrata convert <table> --abort`: what was made for it goes.'
        : 'Give it its name back, then go on with `--resume` or `--abort`.',
  })
}

interface ColumnRow {
  readonly name: string
  readonly type: string
  readonly generated: boolean
  readonly notNull: boolean
}

export async function readTableFacts(on: Queryable, declared: PartitionedTable): Promise<Omit<TableFacts, 'keys'>> {
  const oid = await readTableOid(on, declared)
  const { rows: columns } = await on.query<ColumnRow>(sql`
    select a.attname::text as name, coalesce(b.typname, t.typname)::text as type, a.attgenerated <> '' as generated,
      ${neverNull('a')} as "notNull"
    from pg_attribute a
    join pg_type t on t.oid = a.atttypid
    left join pg_type b on b.oid = nullif(t.typbasetype, 0)
    where a.attrelid = ${oid}::int8::oid
      and a.attnum > 0
      and not a.attisdropped
    order by a.attnum`)
  const { rows: keys } = await on.query<{ columns: string[] }>(sql`
    select array_agg(a.attname::text order by k.place) as columns
    from pg_index i
    cross join unnest(i.indkey::int2[]) with ordinality as k (attnum, place)
    join pg_attribute a on a.attrelid = i.indrelid and a.attnum = k.attnum
    where i.indrelid = ${oid}::int8::oid
      and i.indisunique
      and i.indimmediate
      and i.indisvalid
      and i.indpred is null
      and i.indexprs is null
      and k.place <= i.indnkeyatts
    group by i.indexrelid, i.indisprimary, i.indisreplident
    having bool_and(${neverNull('a')})
    order by i.indisprimary desc, count(*), i.indexrelid
    limit 1`)
  const { rows: sizes } = await on.query<{ rows: number; sizeBytes: number }>(sql`
    select greatest(reltuples, 0)::float8 as rows, pg_total_relation_size(oid)::float8 as "sizeBytes"
    from pg_class
    where oid = ${oid}::int8::oid`)
  const partitionColumns = partitionColumnsOf(declared)
  const found = partitionColumns.map((name) => columns.find((column) => column.name === name))
  const missing = partitionColumns.filter((_, index) => found[index] === undefined)
  if (missing.length > 0) {
    throw new StrataError('LAYOUT_IMPOSSIBLE', {
      message: `${quoteQualified(declared.schema, declared.table)} has no column ${missing.join(', ')}`,
    })
  }
  return {
    oid,
    columns: columns.filter((column) => !column.generated).map((column) => column.name),
    keyColumns: keys[0]?.columns ?? [],
    partitionColumns,
    nullable: found.flatMap((column) => (column === undefined || column.notNull ? [] : [column.name])),
    columnType: found[0]?.type ?? '',
    rows: sizes[0]?.rows ?? 0,
    sizeBytes: sizes[0]?.sizeBytes ?? 0,
  }
}

/** The columns that a capture notes: those of the key, then what is missing of the partition key. */
export function capturedColumns(facts: Pick<TableFacts, 'keyColumns' | 'partitionColumns'>): readonly string[] {
  return [...new Set([...facts.keyColumns, ...facts.partitionColumns])]
}
