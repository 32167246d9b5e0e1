// pgstrata.tier_<n>_unpacked: every row that is not in the table itself, with what segments are skipped by. Replaced whenever another
// pack is read; its columns stay, and new ones of the table come last.
//
// Invariant I1 begins here: whoever replaces it has ACCESS EXCLUSIVE on it, readers lock it before the table's partitions, and the
// packs that it names are those that the same transaction writes into pgstrata.tier_partition.

import { quoteIdent, quoteLiteral } from '../../sql/quote.ts'
import { loosePartition } from '../model/objects.ts'
import { columnsOf, namesOf, ours, packPlaces, placesOf, type LivePack, type TierObjects } from './objects.ts'
import { packRows } from './pack-rows.ts'
import { pieceOf, type Piece } from './piece.ts'

/** Before the columns of the table, which may get more. */
const spanColumns: readonly string[] = ['pgstrata_lower', 'pgstrata_upper', 'pgstrata_least', 'pgstrata_most']

/** Statements. */
export function unpackedView(objects: TierObjects): readonly string[] {
  return unpackedPiece(objects).statements
}

export function unpackedPiece(objects: TierObjects): Piece {
  const { unpacked, table } = placesOf(objects)
  const columns = [...spanColumns, ...objects.columns.map(({ name }) => name)]
  const branches = [
    ...(objects.packs.length === 0 ? [nothing(objects)] : []),
    ...objects.packs.flatMap((pack) => [packBranch(objects, pack), looseBranch(objects, pack)]),
    ...objects.packs.filter(({ hasLateRows }) => hasLateRows).map((pack) => lateBranch(objects, pack)),
  ]
  return pieceOf({
    kind: 'view',
    place: unpacked,
    purpose: `Rows of ${table} that are not in it`,
    columns,
    create: [
      `create or replace view ${unpacked} (${columns.map(quoteIdent).join(', ')}) as\n${branches.join('\nunion all\n')}`,
    ],
  })
}

/** Of one pack, so that it is gone where the pack is. */
function looseBranch(objects: TierObjects, pack: LivePack): string {
  const { axis, columns, number } = objects
  const place = columnsOf('t', [axis])
  return `select ${boundOf(axis.type, pack.lower)}, ${boundOf(axis.type, pack.upper)}, ${place}, ${place},
  ${columnsOf('t', columns)}
from ${ours(loosePartition(number, pack.id))} as t`
}

/** Nothing is packed: it names the columns, and is empty. */
function nothing({ axis, columns, ...named }: TierObjects): string {
  const bound = `null::${axis.type}`
  return `select ${bound}, ${bound}, ${bound}, ${bound}, ${columnsOf('t', columns)}
from ${placesOf({ ...named, axis }).loose} as t`
}

function packBranch(objects: TierObjects, pack: LivePack): string {
  const { axis, columns } = objects
  return `select ${boundOf(axis.type, pack.lower)}, ${boundOf(axis.type, pack.upper)}, p.pgstrata_least, p.pgstrata_most,
  ${namesOf(columns)}
from (${packRows(objects, pack)}) as p`
}

/** See late-rows.ts. */
function lateBranch({ axis, columns }: TierObjects, pack: LivePack): string {
  const place = columnsOf('l', [axis])
  return `select ${boundOf(axis.type, pack.lower)}, ${boundOf(axis.type, pack.upper)}, ${place}, ${place},
  ${columnsOf('l', columns)}
from ${packPlaces(pack.id).late} as l`
}

/** A constant, so that a branch is gone before the query runs where its bounds say so. */
export function boundOf(type: string, bound: string): string {
  return bound === 'MINVALUE' || bound === 'MAXVALUE' ? `null::${type}` : `${quoteLiteral(bound)}::${type}`
}
