// What every reader of bound things needs to know of the table: its row in the catalog, its columns and sequences, the
// names before and behind the swap as SQL writes them, and what depends on it. All of one snapshot.

import { StrataError } from '../../../base/errors.ts'
import type { ColumnRow } from '../../../catalog/dump/columns.ts'
import { readRows, type Reading } from '../../../catalog/dump/reading.ts'
import { readRelations, type RelationRow } from '../../../catalog/dump/relations.ts'
import type { SequenceRow } from '../../../catalog/dump/sequences.ts'
import { quoteQualified } from '../../../sql/quote.ts'
import { sql } from '../../../sql/sql.ts'
import type { Layout } from '../../options.ts'
import { readDependents, type Dependent } from './dependents.ts'
import type { BoundSubject } from './item.ts'
import { nameSetAside, ownName } from './names.ts'

export interface Bound {
  readonly reading: Reading
  readonly subject: BoundSubject
  readonly row: RelationRow
  readonly columns: readonly ColumnRow[]
  /** Those that belong to its columns. */
  readonly sequences: readonly SequenceRow[]
  readonly dependents: readonly Dependent[]
  /** The table, as the server writes it: now the old one, from the swap on the new one. */
  readonly self: string
  readonly incoming: string
  readonly retired: string
  /** What rows are divided by, as SQL writes it. Every unique key of the new table must hold them all. */
  readonly partitionColumns: readonly string[]
  readonly hasPrimaryKey: boolean
  /** Plain. */
  readonly constraintNames: readonly string[]
  /** Our name for a part of the new table until the swap. */
  readonly ownName: (what: string, original: string) => string
  /** What a part of the old table is called from the swap on. */
  readonly setAside: (original: string) => string
}

interface FoundRow {
  readonly oid: number
  readonly namespace: number
  readonly taken: readonly string[]
  readonly partitionColumns: readonly string[]
  readonly hasPrimaryKey: boolean
  readonly constraintNames: readonly string[]
}

export async function openBound(reading: Reading, subject: BoundSubject): Promise<Bound> {
  const { names } = subject
  const columns = layoutColumns(subject.layout)
  const [found] = await readRows<FoundRow>(
    reading,
    sql`
    select c.oid, c.relnamespace as namespace,
      array(
        select o.relname::text
        from pg_class o
        where o.relnamespace = c.relnamespace
          and (starts_with(o.relname::text, ${names.retired}) or starts_with(o.relname::text, ${names.table}))
        union all
        select s.stxname::text
        from pg_statistic_ext s
        where s.stxrelid = c.oid
      ) as taken,
      array(
        select quote_ident(wanted)
        from unnest(${columns}::text[]) wanted
      ) as "partitionColumns",
      exists (
        select
        from pg_index i
        where i.indrelid = c.oid
          and i.indisprimary
      ) as "hasPrimaryKey",
      array(
        select con.conname::text
        from pg_constraint con
        where con.conrelid = c.oid
      ) as "constraintNames"
    from pg_class c
    join pg_namespace n on n.oid = c.relnamespace
    where n.nspname = ${names.schema}
      and c.relname = ${names.table}
      and c.relkind in ('r', 'p', 'f', 'v', 'm')`,
  )
  if (found === undefined) throw unknownTable(subject)
  const one: Reading = { ...reading, relations: [found.oid], schemas: [found.namespace] }
  const relations = await readRelations(one)
  const row = relations.rows.find((each) => each.oid === found.oid)
  if (row === undefined) throw unknownTable(subject)
  const taken = new Set(found.taken)
  return {
    reading: one,
    subject,
    row,
    columns: relations.columnsOf(found.oid),
    sequences: relations.sequencesOf(found.oid),
    dependents: await readDependents(one, found.oid),
    self: row.name,
    incoming: quoteQualified(names.schema, names.incoming),
    retired: quoteQualified(names.schema, names.retired),
    partitionColumns: found.partitionColumns,
    hasPrimaryKey: found.hasPrimaryKey,
    constraintNames: found.constraintNames,
    ownName: (what, original) => ownName(what, { schema: names.schema, table: names.table, name: original }),
    setAside: (original) => nameSetAside(original, { table: names.table, retired: names.retired, taken }),
  }
}

export function unknownTable({ names }: BoundSubject): StrataError {
  const name = quoteQualified(names.schema, names.table)
  return new StrataError('TABLE_UNKNOWN', { message: `There is no table ${name}` })
}

/** The columns that rows are divided by, plain. */
export function layoutColumns(layout: Layout): readonly string[] {
  if (layout.kind === 'hash') return [layout.column]
  const split = layout.split?.column
  return split === undefined || split === layout.column ? [layout.column] : [layout.column, split]
}

/** Without the semicolon that the dump closes statements with. */
export function bare(statement: string): string {
  return statement.trimEnd().replace(/;$/, '')
}

/** A DO block whose quotes no name inside can close. */
export function doBlock(body: string): string {
  let tag = '$pgstrata$'
  while (body.includes(tag)) tag = tag.replace(/\$$/, '_$')
  return `do ${tag}\n${body}\n${tag}`
}

/** `statement` is a format() text, quoted by the caller's hand as a literal, with %s for each leaf. */
export function onEveryLeaf(table: string, template: string): string {
  return doBlock(`declare
  leaf regclass;
begin
  for leaf in
    select tree.relid
    from pg_catalog.pg_partition_tree(${table}::regclass) tree
    where tree.isleaf
  loop
    ${template}
  end loop;
end`)
}
