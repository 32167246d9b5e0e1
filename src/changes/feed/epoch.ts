// The incarnation of the feed, as its row in pgstrata.feed.
//
// What must be true: an epoch lasts exactly as long as nothing was missed. Where something may have been (another server or
// timeline, a slot that is gone, a table that joins), a new one begins, and every listener hears of it before anything of it
// is delivered: `told` is set when all have, so a process that is killed in between tells them again. A row is written
// before its slot is made, and says so; what was cut off there begins anew. Only the holder of the lease changes it.

import { StrataError } from '../../base/errors.ts'
import { onlyRow, type Db, type Queryable } from '../../db/db.ts'
import { holdsLease, type Lease } from '../../db/lease.ts'
import { transaction } from '../../db/transaction.ts'
import { sql } from '../../sql/sql.ts'

export type FeedSource = 'wal' | 'outbox'

export interface ServerIdentity {
  readonly systemId: string
  readonly timeline: number
}

export interface Epoch extends ServerIdentity {
  readonly source: FeedSource
  readonly epoch: string
  readonly slot: string | undefined
  readonly isMade: boolean
  readonly isTold: boolean
  readonly why: string
}

export async function readEpoch(on: Queryable): Promise<Epoch | undefined> {
  const { rows } = await on.query<Omit<Epoch, 'slot'> & { slot: string | null }>(sql`
    select source, epoch, slot_name as slot, state = 'made' as "isMade", told as "isTold", why,
      system_id as "systemId", timeline
    from pgstrata.feed`)
  const [row] = rows
  return row === undefined ? undefined : { ...row, slot: row.slot ?? undefined }
}

export async function readIdentity(on: Queryable): Promise<ServerIdentity> {
  const answer = await on.query<ServerIdentity>(sql`
    select system_identifier::text as "systemId",
      ('x' || substr(pg_walfile_name(pg_current_wal_insert_lsn()), 1, 8))::bit(32)::int4 as timeline
    from pg_control_system()`)
  return onlyRow(answer)
}

/** Why what is recorded cannot be gone on with; undefined: it can. */
export function findBreak(
  known: Epoch | undefined,
  now: ServerIdentity & { readonly source: FeedSource },
): string | undefined {
  if (known === undefined) return 'the feed begins'
  if (!known.isMade) return known.why
  if (known.source !== now.source) return 'changes are captured in another way'
  if (known.systemId !== now.systemId) return 'the database is on another server'
  if (known.timeline !== now.timeline) return 'the server was promoted or restored'
  return undefined
}

export interface BeginEpoch extends ServerIdentity {
  readonly source: FeedSource
  readonly slotPrefix: string | undefined
  readonly why: string
}

export async function beginEpoch(db: Db, lease: Lease, begin: BeginEpoch): Promise<Epoch> {
  const { source, slotPrefix, why, systemId, timeline } = begin
  return await transaction(db, async (tx) => {
    const answer = await tx.query<{ epoch: string; slot: string | null }>(sql`
      with made as materialized (
        select substr(replace(gen_random_uuid()::text, '-', ''), 1, 12) as epoch
      )
      insert into pgstrata.feed as f (source, epoch, slot_name, state, told, why, system_id, timeline)
      select ${source}, epoch, ${slotPrefix ?? null}::text || epoch, 'making', false, ${why}, ${systemId}, ${timeline}
      from made
      on conflict (only_one) do update
      set source = excluded.source, epoch = excluded.epoch, slot_name = excluded.slot_name, state = 'making',
        told = false, why = excluded.why, system_id = excluded.system_id, timeline = excluded.timeline,
        begun_at = clock_timestamp()
      returning epoch, slot_name as slot`)
    const { epoch, slot } = onlyRow(answer)
    await confirmLease(tx, lease)
    return { source, epoch, slot: slot ?? undefined, isMade: false, isTold: false, why, systemId, timeline }
  })
}

export async function markEpoch(
  db: Db,
  lease: Lease,
  { epoch, mark }: { epoch: string; mark: 'made' | 'told' },
): Promise<void> {
  await transaction(db, async (tx) => {
    await tx.query(
      mark === 'made'
        ? sql`update pgstrata.feed set state = 'made' where epoch = ${epoch}`
        : sql`update pgstrata.feed set told = true where epoch = ${epoch}`,
    )
    await confirmLease(tx, lease)
  })
}

/** In the transaction that makes it necessary: whoever consumes next begins a new one. */
export async function breakEpoch(tx: Queryable, why: string): Promise<void> {
  // The reason of one that is being made stays: what it still has to wait for follows from it.
  await tx.query(sql`update pgstrata.feed set state = 'making', why = ${why} where state = 'made'`)
}

/** At the end of a transaction: it commits only under the lease. */
export async function confirmLease(tx: Queryable, lease: Lease): Promise<void> {
  if (!(await holdsLease(tx, lease)))
    throw new StrataError('LEASE_LOST', { message: 'Another process consumes the feed now' })
}
