// pgstrata.tier_<n>_cut(since, until): the same rows as `<table>_between`, for an interval that is known when the query runs and is
// mostly of today: what a rollup reads at the ends of an interval.
//
// Postgres inlines it, but for what has moved: that is asked of pgstrata.tier_<n>_moved, which does not look at packs where none has
// rows of the interval. Written out, a statement for any interval is planned for all packs: with eighty, some ten milliseconds for
// each end.
//
// I1. The ends of packs stand in the text of tier_<n>_moved, which is replaced with the view of unpacked rows. Whoever calls it
// has locked all partitions of the interval before, as it reads the table in the same statement; so no pack of one of them comes or
// goes from then on.

import { quoteLiteral } from '../../sql/quote.ts'
import { intervalHead, ownRows, unpackedRows } from './between.ts'
import { columnsOf, placesOf, type LivePack, type TierObjects } from './objects.ts'
import { pieceOf, type Piece } from './piece.ts'
import { boundOf } from './unpacked-view.ts'

export function cutPiece(objects: TierObjects): Piece {
  const { table, cut, moved } = placesOf(objects)
  const called = moved.slice(0, moved.lastIndexOf('('))
  const body = `${ownRows(objects)}
union all
select ${columnsOf('m', objects.columns)}
from ${called}($1, $2) as m`
  return pieceOf({
    kind: 'function',
    place: cut,
    purpose: `Rows of ${table} in an interval of mostly young ones`,
    create: [
      `${intervalHead(objects, cut)}\nlanguage sql\nstable\nparallel safe\nas ${quoteLiteral(body)}`,
      `revoke all on function ${cut} from public`,
    ],
  })
}

export function movedPiece(objects: TierObjects): Piece {
  const { table, moved, unpacked } = placesOf(objects)
  // Named, so that it is another text behind every swap: see stale-snapshot.ts.
  const packs = objects.packs.length === 0 ? 'none' : objects.packs.map(({ id }) => id).join(', ')
  const body = `#variable_conflict use_column
-- Packs: ${packs}.
begin
${objects.packs.length === 0 ? '' : `  if ${meetsPacks(objects)} then\n    return query ${unpackedRows(objects, unpacked)};\n  end if;\n`}end`
  return pieceOf({
    kind: 'function',
    place: moved,
    purpose: `Rows of ${table} in an interval that are not in it`,
    create: [
      `${intervalHead(objects, moved)}\nlanguage plpgsql\nstable\nparallel safe\nas ${quoteLiteral(body)}`,
      `revoke all on function ${moved} from public`,
    ],
  })
}

/** Statements: for whoever replaces the view of unpacked rows. */
export function movedFunction(objects: TierObjects): readonly string[] {
  return movedPiece(objects).statements
}

/** Between the first and the last of them: packs follow each other. A bound that is none is null, and not looked at. */
function meetsPacks({ axis, packs }: TierObjects): string {
  const ends = (of: (pack: LivePack) => string): string => packs.map((pack) => boundOf(axis.type, of(pack))).join(', ')
  const isOpen = (of: (pack: LivePack) => string): boolean => packs.some((pack) => /^(MIN|MAX)VALUE$/.test(of(pack)))
  const conditions = [
    ...(isOpen(({ upper }) => upper) ? [] : [`$1 < greatest(${ends(({ upper }) => upper)})`]),
    ...(isOpen(({ lower }) => lower) ? [] : [`$2 > least(${ends(({ lower }) => lower)})`]),
  ]
  return conditions.length === 0 ? 'true' : conditions.join(' and ')
}
