// The outbox as a queue: which transactions come next, their notes in parts, and taking them away.
//
// What must be true: a transaction is numbered in the first pass whose snapshot sees it, and its number never changes, so
// its changes have the same ids however often they are read. Nothing can be passed over: what a pass does not see stays
// without a number, whatever its transaction id (a reader that went by ids would have to wait for the oldest transaction
// under way). Within a pass, transactions come by their last note. Of two that changed the same row, the second was held up
// by the first until that had committed, so all its notes for that row are younger than any of the first one's.
// A number is a position in the WAL: that of the insert pointer when the pass saw the transaction, plus its place in the
// pass. So it is a token as well: nothing of the transaction is behind it, and it exists, for a number costs more WAL than 1 byte.

import { onlyRow, type Db, type Queryable } from '../../../db/db.ts'
import type { Lease } from '../../../db/lease.ts'
import { parseLsn, type Lsn } from '../../../db/lsn.ts'
import { transaction } from '../../../db/transaction.ts'
import { sql } from '../../../sql/sql.ts'
import type { Change } from '../change.ts'
import { confirmLease } from '../epoch.ts'
import { requireRoom } from './room.ts'

export interface NumberedTransaction {
  readonly lsn: Lsn
  readonly xid: string
  /** Every listener has it; what is left of it is to be deleted. */
  readonly isHandled: boolean
}

/** A position, and the next transaction id, which was asked for after it. */
export interface Mark {
  readonly lsn: Lsn
  readonly next: bigint
}

export interface NumberingPass {
  readonly numbered: number
  /** Everything that committed before it has a number. */
  readonly reached: Lsn | undefined
  /** To be reached by a later pass. */
  readonly ahead: Mark | undefined
}

/**
 * Numbers what is visible and has no number. A commit may stand in the WAL before a position and be visible only after it was
 * asked for: the position is reached when no transaction that was under way then is under way any more. The numbers are
 * flushed, and with them all that they number: what is handed on outlives a crash, also where commits do not wait for that.
 */
export async function numberTransactions(db: Db, lease: Lease, ahead: Mark | undefined): Promise<NumberingPass> {
  return await transaction(db, async (tx) => {
    const position = await tx.query<{ lsn: string }>(sql`
      select pg_current_wal_insert_lsn()::text as lsn,
        case when current_setting('synchronous_commit') = 'off' then set_config('synchronous_commit', 'local', true) end`)
    const snapshot = await tx.query<{ oldest: string; next: string }>(sql`
      select pg_snapshot_xmin(pg_current_snapshot())::text as oldest,
        pg_snapshot_xmax(pg_current_snapshot())::text as next`)
    const { rowCount } = await tx.query(sql`
      insert into pgstrata.outbox_commit (position, xid)
      select pg_current_wal_insert_lsn() + row_number() over (order by fresh.last_id), fresh.xid
      from (
        select o.xid, max(o.id) as last_id
        from pgstrata.outbox o
        where not exists (select from pgstrata.outbox_commit c where c.xid = o.xid)
        group by o.xid
      ) as fresh`)
    if (rowCount > 0) await confirmLease(tx, lease)
    // After the position: whoever skipped a note before it is seen by now, and with it that it did.
    await requireRoom(tx)
    const { oldest, next } = onlyRow(snapshot)
    const mark = { lsn: parseLsn(onlyRow(position).lsn), next: BigInt(next) }
    if (BigInt(oldest) >= mark.next) return { numbered: rowCount, reached: mark.lsn, ahead: undefined }
    if (ahead === undefined || BigInt(oldest) < ahead.next)
      return { numbered: rowCount, reached: undefined, ahead: ahead ?? mark }
    return { numbered: rowCount, reached: ahead.lsn, ahead: mark }
  })
}

export async function readNumbered(on: Queryable, limit: number): Promise<readonly NumberedTransaction[]> {
  const { rows } = await on.query<{ lsn: string; xid: string; isHandled: boolean }>(sql`
    select position::text as lsn, xid::text as xid, handled as "isHandled"
    from pgstrata.outbox_commit
    order by position
    limit ${limit}`)
  return rows.map((row) => ({ ...row, lsn: parseLsn(row.lsn) }))
}

export interface Note {
  readonly id: string
  readonly change: Change
  readonly notedAt: Date
}

export async function readNotes(
  on: Queryable,
  { xid, after, limit }: { xid: string; after: string; limit: number },
): Promise<readonly Note[]> {
  interface Row {
    readonly id: string
    readonly schema: string
    readonly table: string
    readonly kind: Change['kind']
    readonly key: Readonly<Record<string, string | null>> | null
    readonly notedMs: number
  }
  const { rows } = await on.query<Row>(sql`
    select o.id::text as id, schema_name as schema, table_name as "table", kind, key,
      extract(epoch from noted_at)::float8 * 1000 as "notedMs"
    from pgstrata.outbox o
    where o.xid = ${xid}::xid8
      and o.id > ${after}::int8
    order by o.id
    limit ${limit}`)
  return rows.map(({ id, schema, table, kind, key, notedMs }) => ({
    id,
    notedAt: new Date(notedMs),
    change: { schema, table, kind, key: key ?? undefined, keyBefore: undefined, row: undefined, unchanged: [] },
  }))
}

const deletedAtOnce = 5_000

/** First that it was handled, in one; a transaction that was read again in part would have other ids. */
export async function removeTransaction(db: Db, lease: Lease, { xid, isHandled }: NumberedTransaction): Promise<void> {
  if (!isHandled) {
    await transaction(db, async (tx) => {
      await tx.query(sql`update pgstrata.outbox_commit set handled = true where xid = ${xid}::xid8`)
      await confirmLease(tx, lease)
    })
  }
  for (;;) {
    const { rowCount } = await db.query(sql`
      delete from pgstrata.outbox
      where xid = ${xid}::xid8
        and id in (select id from pgstrata.outbox where xid = ${xid}::xid8 order by id limit ${deletedAtOnce})`)
    if (rowCount < deletedAtOnce) break
  }
  await db.query(sql`delete from pgstrata.outbox_commit where xid = ${xid}::xid8 and handled`)
}
