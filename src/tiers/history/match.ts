// Which row of the table, of loose rows or of a pack is the one that a statement through the history means.
//
// What holds: the column of the partitions is compared first, by the operator that prunes them. With a key that holds for every
// row, the row is found by it; without one, by all of its columns, and of rows that are the same in all of them any will do.

import { quoteIdent } from '../../sql/quote.ts'
import type { SourceColumn } from '../model/columns.ts'
import { packedOf } from './pack-rows.ts'
import { isSameRow } from './row-text.ts'
import type { LivePack, TierObjects, UniqueKey } from './objects.ts'

/** A key of which every row has one of its own; undefined: rows are told apart by all of their columns. */
export function identifyingKey({ keys, columns }: TierObjects): UniqueKey | undefined {
  const neverNull = new Set(columns.flatMap(({ name, notNull }) => (notNull ? [name] : [])))
  const identifies = ({ parts, predicate }: UniqueKey): boolean =>
    predicate === null && parts.every(({ column }) => column !== null && neverNull.has(column))
  const able = keys.filter(identifies)
  return able.find(({ primary }) => primary) ?? able[0]
}

/** Aliases, or variables. */
export interface Pair {
  readonly row: string
  readonly wanted: string
}

/** The same key; without a key, the same row. */
export function isMeant(objects: TierObjects, { row, wanted }: Pair): string {
  const { axis } = objects
  const key = identifyingKey(objects)
  const onAxis = isEqual(axis.name, '=', { row, wanted })
  if (key === undefined) return `${onAxis} and ${isSameRow(objects, row, wanted)}`
  const parts = key.parts.flatMap(({ column, equals }) =>
    column === null || column === axis.name ? [] : [isEqual(column, equals, { row, wanted })],
  )
  return [onAxis, ...parts].join(' and ')
}

/** The same row in all that is written of it: nobody has changed it meanwhile. */
export function isUnchanged(objects: TierObjects, pair: Pair): string {
  const meant = isMeant(objects, pair)
  return identifyingKey(objects) === undefined ? meant : `${meant} and ${isSameRow(objects, pair.row, pair.wanted)}`
}

/** Columns that `isMeant` reads. */
export function meantBy(objects: TierObjects): readonly SourceColumn[] {
  const key = identifyingKey(objects)
  if (key === undefined) return objects.columns.filter(({ generated }) => !generated)
  const names = new Set([objects.axis.name, ...key.columns])
  return objects.columns.filter(({ name }) => names.has(name))
}

function isEqual(column: string, equals: string, { row, wanted }: Pair): string {
  const name = quoteIdent(column)
  return `${row}.${name} ${equals} ${wanted}.${name}`
}

/** Columns of the table that are one value for each segment of the pack, and can be compared as such. */
export function keysOfSegments({ columns }: TierObjects, pack: LivePack): readonly SourceColumn[] {
  return columns.filter((column) => packedOf(pack, column)?.codec === 'key' && isPlain(column))
}

/** Conditions on a row of a pack that leave out the segments in which `wanted` cannot be. */
export function mayHold(objects: TierObjects, pack: LivePack, pair: Pair): string {
  const { row, wanted } = pair
  const at = `${wanted}.${quoteIdent(objects.axis.name)}`
  return [
    `${row}.pgstrata_most >= ${at}`,
    `${row}.pgstrata_least <= ${at}`,
    ...keysOfSegments(objects, pack).map((column) => isKey(column, pair)),
  ].join('\n    and ')
}

/** By an operator that the scan of the pack, or its index, can use. */
function isKey({ name, notNull }: SourceColumn, { row, wanted }: Pair): string {
  const [mine, theirs] = [`${row}.${quoteIdent(name)}`, `${wanted}.${quoteIdent(name)}`]
  return notNull ? `${mine} = ${theirs}` : `(${mine} = ${theirs} or ${mine} is null)`
}

/** The first oid that is not the server's own: below, a type has the operators that schema pg_catalog has. */
const firstOfOthers = 16_384

function isPlain({ typeOid, kind, orderable }: SourceColumn): boolean {
  return orderable && (typeOid < firstOfOthers || kind === 'enum')
}
