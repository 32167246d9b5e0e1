// Keys of rows that come late to a packed partition: the partition's own indexes do not know those that are packed or loose.
//
// What holds: the trigger fires behind the row, when triggers and computed columns have had their say, and always, for rows of a
// subscription as well. A key that another transaction deletes from the pack at that moment still counts: the row is refused, and not
// made to wait. `on conflict` does not find packed rows; it gets this error.

import { quoteIdent, quoteLiteral } from '../../sql/quote.ts'
import { packedKeyTrigger } from '../model/objects.ts'
import { columnsOf, packPlaces, placesOf, type LivePack, type TierObjects, type UniqueKey } from './objects.ts'
import { packColumn } from './loose.ts'
import { packRows } from './pack-rows.ts'
import { definerFunction, pieceOf, type Piece } from './piece.ts'
import { ofRow, textOf } from './row-text.ts'

/** Without keys it refuses nothing, and stands nowhere. */
export function keyPiece(objects: TierObjects, pack: LivePack): Piece {
  const place = `${packPlaces(pack.id).key}()`
  const { table } = placesOf(objects)
  const body = `${objects.keys.map((key) => checkText(objects, pack, key)).join('')}  return null;`
  return pieceOf({
    kind: 'function',
    place,
    purpose: `Refuses rows of ${table} whose key is in pack ${pack.id}`,
    create: definerFunction({ place, returns: 'trigger', body }),
  })
}

/** On the tables that take what comes late. */
export function keyTriggers(objects: TierObjects, pack: LivePack): readonly string[] {
  if (objects.keys.length === 0) return []
  const names = new Set(objects.keys.flatMap(({ columns }) => columns))
  // A computed column is written by nobody: what it is computed from may be any other.
  const isComputed = objects.columns.some(({ name, generated }) => generated && names.has(name))
  const of = isComputed ? '' : ` of ${[...names].map(quoteIdent).join(', ')}`
  return pack.leaves.flatMap(({ schema, name }) => {
    const leaf = `${quoteIdent(schema)}.${quoteIdent(name)}`
    return [
      `create trigger ${packedKeyTrigger} after insert or update${of} on ${leaf} for each row execute function ${packPlaces(pack.id).key}()`,
      `alter table ${leaf} enable always trigger ${packedKeyTrigger}`,
    ]
  })
}

export function dropKeyTriggers({ leaves }: LivePack): readonly string[] {
  return leaves.map(
    ({ schema, name }) => `drop trigger if exists ${packedKeyTrigger} on ${quoteIdent(schema)}.${quoteIdent(name)}`,
  )
}

function checkText(objects: TierObjects, pack: LivePack, key: UniqueKey): string {
  const { table: source, axis, columns } = objects
  const { loose } = placesOf(objects)
  const alias = quoteIdent(source.table)
  const at = `new.${quoteIdent(axis.name)}`
  const isExpressed = key.predicate !== null || key.parts.some(({ column }) => column === null)
  const read = columns.filter(({ name }) => name === axis.name || key.columns.includes(name))
  const same = [
    `${alias}.${quoteIdent(axis.name)} = ${at}`,
    ...key.parts.filter(({ column }) => column !== axis.name).map((part) => isEqual(objects, key, part)),
    ...(key.predicate === null ? [] : [`(${key.predicate})`]),
  ].join('\n        and ')
  const keyColumns = columns.filter(({ name }) => key.columns.includes(name))
  const conditions = [
    `(tg_op = 'INSERT' or ${textOf('new', keyColumns)} is distinct from ${textOf('old', keyColumns)})`,
    ...(key.predicate === null ? [] : [ofRow(objects, 'new', `(${key.predicate})`)]),
  ]
  const message = `duplicate key value violates unique constraint ${quoteIdent(key.name)}`
  return `  if ${conditions.join('\n    and ')}
    and (
      exists (
        select
        from (${packRows(objects, pack, isExpressed ? {} : { columns: read })}) as ${alias}
        where ${alias}.pgstrata_most >= ${at}
        and ${alias}.pgstrata_least <= ${at}
        and ${same}
      )
      or exists (
        select
        from (select ${packColumn}, ${columnsOf('t', columns)} from ${loose} as t) as ${alias}
        where ${alias}.${packColumn} = ${pack.id}
        and ${same}
      )
    )
  then
    raise exception using errcode = 'unique_violation', message = ${quoteLiteral(message)}, detail = 'A row that is packed has it.',
      constraint = ${quoteLiteral(key.name)}, table = ${quoteLiteral(source.table)}, schema = ${quoteLiteral(source.schema)};
  end if;
`
}

function isEqual(
  objects: TierObjects,
  { nullsNotDistinct }: UniqueKey,
  { column, expression, equals }: UniqueKey['parts'][number],
): string {
  const mine = column === null ? `(${expression})` : `${quoteIdent(objects.table.table)}.${quoteIdent(column)}`
  const theirs = column === null ? ofRow(objects, 'new', `(${expression})`) : `new.${quoteIdent(column)}`
  const same = `${mine} ${equals} ${theirs}`
  return nullsNotDistinct ? `(${same} or ${mine} is null and ${theirs} is null)` : same
}
