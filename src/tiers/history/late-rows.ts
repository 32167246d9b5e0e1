// pgstrata.pack_<id>_late: rows that came while their partition was packed, for readers whose snapshot is older than the swap.
//
// I1. The swap puts such rows back into the emptied partition, as rows of its own: a REPEATABLE READ that saw them come does not see
// those. It sees the notes of the guard, for these were written with the rows; so the notes are kept, and are read by exactly the
// snapshots to which the swap has not happened. `tidy.ts` drops them when there are none left.
//
// Numbers of transactions mean nothing in another cluster, to which a dump was restored: nothing is read there.

import { quoteIdent, quoteLiteral } from '../../sql/quote.ts'
import { packObjectNames } from '../model/objects.ts'
import { columnsOf, packPlaces, writtenOf, type LivePack, type TierObjects } from './objects.ts'

export interface LateNotes {
  /** The table of the guard, quoted. */
  readonly notes: string
  /** Of the pack: what it shows is packed. */
  readonly snapshot: string
  /** The transaction that swaps, and the cluster. */
  readonly xid: string
  readonly system: string
}

/** Behind putting them back. */
export function keepLateRows(objects: TierObjects, { id }: Pick<LivePack, 'id'>, late: LateNotes): readonly string[] {
  const { late: view, lateRows } = packPlaces(id)
  const { owner, isMine } = objects.facts
  const own = isMine
    ? []
    : [`alter table ${lateRows} owner to ${quoteIdent(owner)}`, `alter view ${view} owner to ${quoteIdent(owner)}`]
  return [
    `alter table ${late.notes} rename to ${quoteIdent(packObjectNames(id).lateRows)}`,
    `create view ${view} as
select ${objects.columns.map((column) => valueOf(objects, column)).join(', ')}
from ${lateRows} as r
where not pg_catalog.pg_visible_in_snapshot(r.pgstrata_xid, ${quoteLiteral(late.snapshot)}::pg_catalog.pg_snapshot)
  and not pg_catalog.pg_visible_in_snapshot(${quoteLiteral(late.xid)}::pg_catalog.xid8, pg_catalog.pg_current_snapshot())
  and (
    select system_identifier
    from pg_catalog.pg_control_system()
  ) = ${late.system}`,
    ...own,
  ]
}

function valueOf(objects: TierObjects, { name, type, collation }: TierObjects['columns'][number]): string {
  const expression = objects.facts.generated[name]
  const column = quoteIdent(name)
  if (expression === undefined) return `r.${column}`
  const value = `(select (${expression})::${type} from (select ${columnsOf('r', writtenOf(objects))}) as ${quoteIdent(objects.table.table)})`
  return `${value}${collation === undefined ? '' : ` collate ${collation}`} as ${column}`
}

/** Behind readers that do not name them any more. */
export function dropLateRows(id: bigint): readonly string[] {
  const { late, lateRows } = packPlaces(id)
  return [`drop view if exists ${late}`, `drop table if exists ${lateRows}`]
}
