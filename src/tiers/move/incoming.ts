// A table that is to take the place of a partition: made beside it by the template that makes every partition, and complete (keys,
// indexes, settings, owner, nobody's grants) before anybody sees it in the table.
//
// What holds: it stands for itself until it is attached, under a name that only the partition's row in pgstrata.tier_partition
// has, so that one that a killed run left is found and dropped; nothing that notes changes stands on it, so that filling it counts
// for nobody (I3); it has a validated CHECK of its bounds, which ATTACH believes instead of reading its rows.

import { onlyRow, type Queryable, type Session } from '../../db/db.ts'
import {
  fillTemplate,
  leafNames,
  marks,
  readIsOrdered,
  readTable,
  slimIndexes,
  slimStorage,
  templateFor,
  type PartitionedTable,
} from '../../partitions/for-tiers.ts'
import { quoteIdent, quoteLiteral, quoteQualified } from '../../sql/quote.ts'
import { sql } from '../../sql/sql.ts'
import type { SourceColumn } from '../model/columns.ts'
import type { TieredTable } from '../model/options.ts'
import type { TierPartition } from '../model/record.ts'
import { StrataError } from '../../base/errors.ts'

/** `slim`: with the indexes and settings of slim partitions; `whole`: with those of all others. */
export type IncomingForm = 'slim' | 'whole'

export interface IncomingSubject {
  readonly table: TieredTable
  readonly record: Pick<TierPartition, 'id' | 'lower' | 'upper'>
  readonly form: IncomingForm
}

const boundCheck = 'pgstrata_tier_bound'

export function incomingName(id: bigint): string {
  return `pgstrata_tier_${id}`
}

interface IncomingTemplate {
  readonly make: readonly string[]
  /** ATTACH, and what comes behind it. */
  readonly attach: readonly string[]
}

async function readIncomingTemplate(
  on: Queryable,
  { table, form }: Pick<IncomingSubject, 'table' | 'form'>,
): Promise<IncomingTemplate> {
  const { partitioned, warm } = table
  const state = await readTable(on, partitioned)
  if (state?.kind !== 'partitioned') {
    throw new StrataError('TIER_STATE', {
      message: `${quoteQualified(partitioned.schema, partitioned.table)} is not a partitioned table any more`,
    })
  }
  const declared: PartitionedTable =
    form === 'slim' && warm !== undefined
      ? {
          ...partitioned,
          indexes: slimIndexes(partitioned, warm),
          storage: { ...partitioned.storage, ...slimStorage },
        }
      : partitioned
  const brin = form === 'whole' && (await readIsOrdered(on, partitioned, state.oid))
  const template = templateFor({ declared, traits: state.traits, brin })
  const place = template.findIndex((statement) => statement.includes(marks.bound))
  return { make: template.slice(0, place), attach: template.slice(place) }
}

/** In the transaction that fills it. Gives its oid. */
export async function makeIncoming(tx: Session, subject: IncomingSubject): Promise<number> {
  const { table, record } = subject
  const { schema } = table.partitioned
  const name = incomingName(record.id)
  const { make } = await readIncomingTemplate(tx, subject)
  const own = quoteQualified(schema, name)
  await runAll(tx, [
    `drop table if exists ${own}`,
    ...fillTemplate(make, { name, bound: '' }),
    `comment on table ${own} is 'What pgstrata fills to take the place of a partition. Dropped by the next run if this one was lost.'`,
    `alter table ${own} add constraint ${boundCheck} check (${boundCondition(subject)})`,
  ])
  for (const leaf of leavesOfIncoming(subject)) await runAll(tx, await readCompression(tx, schema, leaf))
  return onlyRow(await tx.query<{ oid: number }>(sql`select ${own}::regclass::oid::int8::float8 as oid`)).oid
}

/** The tables that hold its rows. */
export function leavesOfIncoming({ table, record }: Pick<IncomingSubject, 'table' | 'record'>): readonly string[] {
  return leafNames(table.partitioned, incomingName(record.id))
}

/** Of the rows that belong into it, over the table's own columns. */
export function boundCondition({ table, record }: IncomingSubject): string {
  const column = quoteIdent(table.partitioned.layout.column)
  return [
    `${column} is not null`,
    ...(record.lower.toUpperCase() === 'MINVALUE' ? [] : [`${column} >= ${quoteLiteral(record.lower)}`]),
    ...(record.upper.toUpperCase() === 'MAXVALUE' ? [] : [`${column} < ${quoteLiteral(record.upper)}`]),
  ].join(' and ')
}

/** Not every server was built with LZ4. */
async function readCompression(on: Queryable, schema: string, leaf: string): Promise<readonly string[]> {
  const name = quoteQualified(schema, leaf)
  const { rows } = await on.query<{ column: string }>(sql`
    select quote_ident(a.attname) as column
    from pg_attribute a
    where a.attrelid = ${name}::regclass
      and a.attnum > 0
      and not a.attisdropped
      and a.attstorage in ('x', 'm')
      and exists (
        select
        from pg_settings
        where name = 'default_toast_compression'
          and 'lz4' = any(enumvals)
      )
    order by a.attnum`)
  return rows.map(({ column }) => `alter table ${name} alter column ${column} set compression lz4`)
}

export interface Filling {
  /** What stands behind FROM. */
  readonly from: string
  readonly columns: readonly SourceColumn[]
  /** What stands behind ORDER BY; empty: as the rows come. */
  readonly order: readonly string[]
}

/** Types whose values take the compression of the table only where they are made anew. */
const recompressed: ReadonlyMap<string, string> = new Map([
  ['text', `''`],
  ['character varying', `''`],
  ['bytea', `''::bytea`],
])

/** A row that is compressed one way is stored as it is, unless its values are made anew. */
export async function fillIncoming(tx: Session, subject: IncomingSubject, filling: Filling): Promise<void> {
  const { columns, from, order } = filling
  const name = quoteQualified(subject.table.partitioned.schema, incomingName(subject.record.id))
  const written = columns.filter(({ generated }) => !generated)
  const values = written.map(({ name: column, type }) => {
    const nothing = subject.form === 'slim' ? recompressed.get(type) : undefined
    return nothing === undefined ? quoteIdent(column) : `${quoteIdent(column)} || ${nothing}`
  })
  const list = written.map(({ name: column }) => quoteIdent(column)).join(', ')
  await tx.query(
    sql.raw(
      [
        `insert into ${name} (${list})`,
        'overriding system value',
        `select ${values.join(', ')}`,
        `from ${from}`,
        ...(order.length === 0 ? [] : [`order by ${order.join(', ')}`]),
      ].join('\n'),
    ),
  )
}

/** Indexes that were filled in another order than their own are half empty; and the planner has to know what is there. */
export async function settleIncoming(tx: Session, subject: IncomingSubject): Promise<void> {
  const { schema } = subject.table.partitioned
  const leaves = leavesOfIncoming(subject).map((leaf) => quoteQualified(schema, leaf))
  await runAll(
    tx,
    leaves.flatMap((leaf) => [...(subject.form === 'slim' ? [`reindex table ${leaf}`] : []), `analyze ${leaf}`]),
  )
}

/** Where it was not attached. */
export function dropIncoming({ table, record }: Pick<IncomingSubject, 'table' | 'record'>): string {
  return `drop table if exists ${quoteQualified(table.partitioned.schema, incomingName(record.id))}`
}

/** Behind the drop of what had the name before, and with the locks of the exchange. `bound`: FOR VALUES …. */
export async function attachStatements(
  on: Queryable,
  subject: IncomingSubject,
  { name, bound }: { readonly name: string; readonly bound: string },
): Promise<readonly string[]> {
  const { schema } = subject.table.partitioned
  const { attach } = await readIncomingTemplate(on, subject)
  const own = quoteQualified(schema, name)
  const leaves = leafNames(subject.table.partitioned, name)
  const places = [
    { from: incomingName(subject.record.id), to: name },
    ...leavesOfIncoming(subject).flatMap((from, index) => {
      const to = leaves[index] ?? ''
      return to === name ? [] : [{ from, to }]
    }),
  ]
  return [
    ...places.map(({ from, to }) => `alter table ${quoteQualified(schema, from)} rename to ${quoteIdent(to)}`),
    `comment on table ${own} is null`,
    ...fillTemplate(attach, { name, bound }),
    `alter table ${own} drop constraint ${boundCheck}`,
  ]
}

/** Indexes and statistics are called as if the table had had its name from the beginning, as far as nobody else's are. */
export async function renameParts(tx: Session, subject: IncomingSubject, name: string): Promise<void> {
  const { schema } = subject.table.partitioned
  const prefix = incomingName(subject.record.id)
  const { rows } = await tx.query<{ kind: 'index' | 'statistics'; name: string; wanted: string }>(sql`
    select p.kind, p.name, w.wanted
    from pg_partition_tree(${quoteQualified(schema, name)}::regclass) t
    cross join lateral (
      select 'index' as kind, x.relname::text as name, x.relnamespace as place
      from pg_index i
      join pg_class x on x.oid = i.indexrelid
      where i.indrelid = t.relid
      union all
      select 'statistics', s.stxname::text, s.stxnamespace
      from pg_statistic_ext s
      where s.stxrelid = t.relid
    ) as p
    cross join lateral (
      select ${name}::text || substr(p.name, ${prefix.length + 1}::int4) as wanted
    ) as w
    where starts_with(p.name, ${`${prefix}_`})
      and octet_length(w.wanted) <= 63
      and not exists (select from pg_class where relnamespace = p.place and relname = w.wanted)
      and not exists (select from pg_statistic_ext where stxnamespace = p.place and stxname = w.wanted)
    order by p.name`)
  for (const { kind, name: from, wanted } of rows) {
    await tx.query(sql`alter ${sql.raw(kind)} ${sql.ident(schema, from)} rename to ${sql.ident(wanted)}`)
  }
}

export async function runAll(tx: Queryable, statements: readonly string[]): Promise<void> {
  for (const statement of statements) await tx.query(sql.raw(statement))
}
