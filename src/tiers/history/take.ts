// pgstrata.pack_<id>_take(row): moves the segment that holds a row to the loose rows of its pack.
//
// I1: in one transaction the rows of the segment come to be loose and the segment goes, so that every snapshot has them once. The
// segment is locked first: of two that want it one takes it, and the other finds its row loose. I3: nothing is captured, for nothing is
// changed; whoever moves the partition at that moment is told by a touch.
//
// True: there may be such a row among the loose ones now. False: no segment holds it.

import { quoteIdent } from '../../sql/quote.ts'
import { isMeant, keysOfSegments, mayHold, meantBy } from './match.ts'
import { columnsOf, namesOf, packPlaces, placesOf, type LivePack, type TierObjects } from './objects.ts'
import { packColumn } from './loose.ts'
import { packRows } from './pack-rows.ts'
import { definerFunction, pieceOf, type Piece } from './piece.ts'

export function takePiece(objects: TierObjects, pack: LivePack): Piece {
  const { table, loose } = placesOf(objects)
  const { take, segments } = packPlaces(pack.id)
  const { columns } = objects
  const asked = new Set([...meantBy(objects), ...keysOfSegments(objects, pack)])
  const found = columns.filter((column) => asked.has(column))
  const pair = { row: 'r', wanted: 'wanted' }
  const body = `  select r.pgstrata_segment
  into found_segment
  from (${packRows(objects, pack, { columns: found })}) as r
  where ${mayHold(objects, pack, pair)}
    and ${isMeant(objects, pair)}
  limit 1;
  if not found then
    return false;
  end if;
  perform from ${segments} as s where s.segment = found_segment for update;
  if not found then
    return true;
  end if;
  insert into ${loose} (${packColumn}, ${namesOf(columns)})
  select ${pack.id}, ${columnsOf('r', columns)}
  from (${packRows(objects, pack)}) as r
  where r.pgstrata_segment = found_segment;
  delete from ${segments} as s where s.segment = found_segment;
  insert into pgstrata.tier_touch (tier_partition, xid)
  select ${pack.partition}, pg_current_xact_id()
  where not exists (
    select
    from pgstrata.tier_touch as t
    where t.tier_partition = ${pack.partition}
      and t.xid = pg_current_xact_id()
  );
  return true;`
  const place = `${take}(${table})`
  return pieceOf({
    kind: 'function',
    place,
    purpose: `Takes a row of ${table} and its segment out of pack ${pack.id}`,
    create: definerFunction({
      place,
      signature: `${take}(${quoteIdent('wanted')} ${table})`,
      returns: 'boolean',
      declare: ['found_segment bigint'],
      body,
    }),
  })
}
