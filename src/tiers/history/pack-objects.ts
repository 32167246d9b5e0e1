// What stands around one pack: the function that takes rows out of it, the check of keys that come late, and the place for its loose
// rows. Whoever makes a pack makes these with it, and puts them on its partition in the transaction from which on it is read.

import { quoteIdent } from '../../sql/quote.ts'
import { attachLoose, createLoosePartition } from './loose.ts'
import { dropKeyTriggers, keyPiece, keyTriggers } from './key-check.ts'
import { packPlaces, type LivePack, type TierObjects } from './objects.ts'
import type { Piece } from './piece.ts'
import { takePiece } from './take.ts'

export interface AroundPack {
  /** Behind the pack's own tables and views, before it is read. Nobody is kept from anything. */
  readonly create: readonly string[]
  /** In the swap, behind the lock of its partition. */
  readonly onLeaf: readonly string[]
}

/** `objects.packs` need not have it. */
export function packObjects(objects: TierObjects, pack: LivePack): AroundPack {
  return {
    create: [
      ...belongToOwner(objects, pack),
      ...createLoosePartition(objects, pack),
      ...packPieces(objects, pack).flatMap(({ statements }) => statements),
      ...ownFunctions(objects, pack),
    ],
    onLeaf: [...keyTriggers(objects, pack), attachLoose(objects, pack)],
  }
}

export function packPieces(objects: TierObjects, pack: LivePack): readonly Piece[] {
  return [takePiece(objects, pack), keyPiece(objects, pack)]
}

/** A key that is packed could come again. */
export function isUnchecked({ keys }: TierObjects, { isChecked }: LivePack): boolean {
  return keys.length > 0 && !isChecked
}

/** Of packs whose check is made anew, for its columns may be others; and where it does not stand. */
export function remakeKeyTriggers(objects: TierObjects, made: readonly Piece[]): readonly string[] {
  const places = new Set(made.map(({ place }) => place))
  return objects.packs.flatMap((pack) =>
    places.has(keyPiece(objects, pack).place) || isUnchecked(objects, pack)
      ? [...dropKeyTriggers(pack), ...keyTriggers(objects, pack)]
      : [],
  )
}

/** Functions that change packs do it as the owner of the table. */
function belongToOwner({ facts }: TierObjects, { id }: LivePack): readonly string[] {
  if (facts.isMine) return []
  const { segments, words, rows } = packPlaces(id)
  const owner = quoteIdent(facts.owner)
  return [
    ...[segments, words].map((table) => `alter table ${table} owner to ${owner}`),
    `alter view ${rows} owner to ${owner}`,
  ]
}

function ownFunctions({ facts, ...objects }: TierObjects, pack: LivePack): readonly string[] {
  return facts.isMine
    ? []
    : packPieces({ facts, ...objects }, pack).map(
        ({ place }) => `alter function ${place} owner to ${quoteIdent(facts.owner)}`,
      )
}
