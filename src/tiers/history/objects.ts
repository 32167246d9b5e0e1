// What the readers of one table's history are made from: its columns and keys as they are, and the packs that are read.

import { quoteIdent, quoteQualified } from '../../sql/quote.ts'
import type { SourceColumn } from '../model/columns.ts'
import { packObjectNames, readerNames, tableObjects, type PackObjects } from '../model/objects.ts'
import type { PackShape } from '../pack/column.ts'

export interface TierObjects {
  readonly table: { readonly schema: string; readonly table: string }
  /** The id in pgstrata.tier_table. */
  readonly number: number
  readonly columns: readonly SourceColumn[]
  /** What the table is partitioned by. */
  readonly axis: SourceColumn
  /** Declared: what segments have in common, where enough rows do. */
  readonly segmentBy: readonly string[]
  readonly keys: readonly UniqueKey[]
  readonly packs: readonly LivePack[]
  readonly facts: TableFacts
}

/** A unique index of the table. */
export interface UniqueKey {
  readonly name: string
  readonly primary: boolean
  readonly parts: readonly KeyPart[]
  readonly nullsNotDistinct: boolean
  /** Over the columns by their bare names, as in the index; null: all rows are in it. */
  readonly predicate: string | null
  /** Every column that the index reads. */
  readonly columns: readonly string[]
}

interface KeyPart {
  /** Null: an expression. */
  readonly column: string | null
  /** Over the columns by their bare names. */
  readonly expression: string
  /** The equality of the index, as SQL writes an operator under any search_path. */
  readonly equals: string
}

/** Expressions are written for any search_path, over the columns by their bare names. */
export interface TableFacts {
  readonly owner: string
  /** The owner is whoever asks. */
  readonly isMine: boolean
  readonly defaults: Readonly<Record<string, string>>
  /** What generated columns are computed by. */
  readonly generated: Readonly<Record<string, string>>
  readonly checks: readonly { readonly name: string; readonly expression: string }[]
}

/** A pack that is read, or that is to be from now on. */
export interface LivePack {
  readonly id: bigint
  /** Its row in pgstrata.tier_partition. */
  readonly partition: bigint
  /** Without quotes; 'MINVALUE' as it is. */
  readonly lower: string
  readonly upper: string
  /** The tables that take what comes late. */
  readonly leaves: readonly { readonly schema: string; readonly name: string }[]
  /** On each of them stands the check of its keys: not on a partition that somebody has made again. */
  readonly isChecked: boolean
  /** Its columns have the numbers that they have in the table itself. */
  readonly shape: PackShape
  /** Rows that came late are kept for old snapshots, with the columns that the table has now. */
  readonly hasLateRows: boolean
}

export interface Places {
  readonly table: string
  readonly history: string
  /** With the types of its arguments. */
  readonly between: string
  readonly segments: string
  readonly loose: string
  readonly unpacked: string
  /** The same. */
  readonly moved: string
  readonly cut: string
  readonly insert: string
  readonly update: string
  readonly delete: string
}

export type Named = Pick<TierObjects, 'table' | 'number'> & { readonly axis: Pick<SourceColumn, 'type'> }

/** As SQL writes them. */
export function placesOf({ table: source, number, axis }: Named): Places {
  const { schema, table } = source
  const readers = readerNames(source)
  const own = tableObjects(number)
  const ends = `(${axis.type}, ${axis.type})`
  return {
    table: quoteQualified(schema, table),
    history: quoteQualified(schema, readers.history),
    between: `${quoteQualified(schema, readers.between)}${ends}`,
    segments: quoteQualified(schema, readers.segments),
    loose: ours(own.loose),
    unpacked: ours(own.unpacked),
    moved: `${ours(own.moved)}${ends}`,
    cut: `${ours(own.cut)}${ends}`,
    insert: `${ours(own.insert)}()`,
    update: `${ours(own.update)}()`,
    delete: `${ours(own.delete)}()`,
  }
}

/** As SQL writes it. */
export function ours(name: string): string {
  return quoteQualified('pgstrata', name)
}

export function packPlaces(id: bigint): PackObjects {
  const names = packObjectNames(id)
  return {
    segments: ours(names.segments),
    words: ours(names.words),
    rows: ours(names.rows),
    take: ours(names.take),
    key: ours(names.key),
    late: ours(names.late),
    lateRows: ours(names.lateRows),
  }
}

/** 't."a", t."b"' */
export function columnsOf(row: string, columns: readonly { readonly name: string }[]): string {
  return columns.map(({ name }) => `${row}.${quoteIdent(name)}`).join(', ')
}

export function namesOf(columns: readonly { readonly name: string }[]): string {
  return columns.map(({ name }) => quoteIdent(name)).join(', ')
}

/** Those that are written, and not computed from others. */
export function writtenOf({ columns }: Pick<TierObjects, 'columns'>): readonly SourceColumn[] {
  return columns.filter(({ generated }) => !generated)
}
