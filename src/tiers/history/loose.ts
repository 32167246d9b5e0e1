// Loose rows: those that were taken out of their segment to be changed. One table for each source, divided by pack.
//
// What holds: columns have the types and collations of the table and none of its limits, keys and defaults, so that whatever was
// packed can be taken out; what a change has to keep is asked by the function that makes it. Rows come here without capture, for they
// only move; capture of UPDATE and DELETE stands on the table as a whole, which every change names.

import { quoteIdent, quoteLiteral } from '../../sql/quote.ts'
import type { SourceColumn } from '../model/columns.ts'
import { loosePartition } from '../model/objects.ts'
import type { ReaderColumn } from '../model/tables.ts'
import { ours, placesOf, type LivePack, type TierObjects } from './objects.ts'
import { ofRow } from './row-text.ts'

/** Beside the columns of the table. */
export const packColumn = 'pgstrata_pack'

export function createLoose({ columns, axis, facts, ...named }: TierObjects): readonly string[] {
  const { loose, table } = placesOf({ ...named, axis })
  const list = [`${packColumn} bigint not null`, ...columns.map(columnText)]
  return [
    `create table ${loose} (\n  ${list.join(',\n  ')}\n) partition by list (${packColumn})`,
    `create index on ${loose} (${quoteIdent(axis.name)})`,
    `comment on table ${loose} is ${quoteLiteral(`Rows of ${table} that were taken out of packs to be changed.`)}`,
    // As its partitions: they are published by way of it.
    `alter table ${loose} replica identity full`,
    ...(facts.isMine ? [] : [`alter table ${loose} owner to ${quoteIdent(facts.owner)}`]),
  ]
}

type Declared = Pick<SourceColumn, 'name' | 'type'> & { readonly collation?: string | undefined }

function columnText({ name, type, collation }: Declared): string {
  return `${quoteIdent(name)} ${type}${collation === undefined ? '' : ` collate ${collation}`}`
}

/** For the rows of one pack: complete, and attached by the transaction that makes readers read the pack. */
export function createLoosePartition({ facts, ...named }: TierObjects, pack: LivePack): readonly string[] {
  const partition = looseOf(named, pack)
  return [
    `create table ${partition} (like ${placesOf(named).loose} including all)`,
    // Whoever follows changes is told of all of a row: it has no key here.
    `alter table ${partition} replica identity full`,
    ...(facts.isMine ? [] : [`alter table ${partition} owner to ${quoteIdent(facts.owner)}`]),
  ]
}

export function attachLoose(objects: TierObjects, pack: LivePack): string {
  return `alter table ${placesOf(objects).loose} attach partition ${looseOf(objects, pack)} for values in (${pack.id})`
}

/** As SQL writes it. */
export function looseOf({ number }: Pick<TierObjects, 'number'>, { id }: Pick<LivePack, 'id'>): string {
  return ours(loosePartition(number, id))
}

export interface ColumnChanges {
  readonly added: readonly SourceColumn[]
  readonly gone: readonly ReaderColumn[]
  readonly renamed: readonly { readonly from: ReaderColumn; readonly to: SourceColumn }[]
  readonly retyped: readonly SourceColumn[]
}

/** Told apart by their numbers, which stay when a column is renamed. Pure. */
export function findColumnChanges(before: readonly ReaderColumn[], after: readonly SourceColumn[]): ColumnChanges {
  const was = new Map(before.map((column) => [column.attnum, column]))
  const is = new Map(after.map((column) => [column.attnum, column]))
  const pairs = after.flatMap((to) => {
    const from = was.get(to.attnum)
    return from === undefined ? [] : [{ from, to }]
  })
  return {
    added: after.filter(({ attnum }) => !was.has(attnum)),
    gone: before.filter(({ attnum }) => !is.has(attnum)),
    renamed: pairs.filter(({ from, to }) => from.name !== to.name),
    retyped: pairs.flatMap(({ from, to }) => (from.type === to.type && from.collation === to.collation ? [] : [to])),
  }
}

/**
 * Of a table that is known by numbers of another database, so that its columns were looked up by their names: one that is gone may be
 * one that came.
 */
export function isAmbiguous({ added, gone }: ColumnChanges): boolean {
  return added.length > 0 && gone.length > 0
}

export const ambiguousAdvice =
  'Give columns that were renamed their names back, take others away, and run `pgstrata apply`; then change them again.'

/** Readers keep their columns in front, and get more behind them. */
export function isOnlyMore({ gone, renamed, retyped }: ColumnChanges): boolean {
  return gone.length + renamed.length + retyped.length === 0
}

/** The loose table as the table is now. Where more than columns come, nothing reads it at that moment. */
export function changeLoose(objects: TierObjects, { added, gone, renamed, retyped }: ColumnChanges): readonly string[] {
  const { loose } = placesOf(objects)
  const passing = ({ attnum }: SourceColumn): string => quoteIdent(`pgstrata_column_${attnum}`)
  const isTaken = renamed.some(({ to }) => renamed.some(({ from }) => from.name === to.name))
  const rename = (from: string, to: string): string => `alter table ${loose} rename column ${from} to ${to}`
  return [
    ...gone.map(({ name }) => `alter table ${loose} drop column ${quoteIdent(name)}`),
    ...(isTaken ? renamed.map(({ from, to }) => rename(quoteIdent(from.name), passing(to))) : []),
    ...renamed.map(({ from, to }) => rename(isTaken ? passing(to) : quoteIdent(from.name), quoteIdent(to.name))),
    ...retyped.map(
      ({ name, type, collation }) =>
        `alter table ${loose} alter column ${quoteIdent(name)} type ${type}${collation === undefined ? '' : ` collate ${collation}`} using ${quoteIdent(name)}::${type}`,
    ),
    ...added.flatMap((column) => addColumn(objects, column)),
  ]
}

/** Rows that are loose already have what the rows of the table that were there before have. */
function addColumn(objects: TierObjects, column: SourceColumn): readonly string[] {
  const { loose } = placesOf(objects)
  const name = quoteIdent(column.name)
  const { missing } = column
  const expression = objects.facts.generated[column.name]
  const value = missing === undefined ? '' : ` default ${quoteLiteral(missing)}::${column.type}`
  return [
    `alter table ${loose} add column ${columnText(column)}${value}`,
    ...(missing === undefined ? [] : [`alter table ${loose} alter column ${name} drop default`]),
    ...(expression === undefined
      ? []
      : // Partition by partition: a change that names the table as a whole would be captured.
        objects.packs.map(
          (pack) =>
            `update ${looseOf(objects, pack)} as t set ${name} = ${ofRow(objects, 't', quoteIdent(column.name))}`,
        )),
  ]
}
