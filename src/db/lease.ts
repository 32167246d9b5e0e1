// A lease: the right to do a thing until a moment, as a row in pgstrata.lease. Works through a pooler in transaction
// mode, where session locks do not.
//
// Invariants: the database's clock decides, never ours; at most one holder has an unexpired lease; `fence` grows with
// every new holder, so that work of a holder that lost its lease can be told, and refused, by the number it carries.

import type { Queryable } from './db.ts'
import { sql } from '../sql/sql.ts'

export interface Lease {
  readonly name: string
  readonly holder: string
  readonly fence: number
}

export interface LeaseOptions {
  readonly name: string
  /** Unique among processes. */
  readonly holder: string
  readonly durationMs: number
}

/** The lease, if it was free, expired, or ours already; else undefined. */
export async function acquireLease(on: Queryable, options: LeaseOptions): Promise<Lease | undefined> {
  const { name, holder, durationMs } = options
  const { rows } = await on.query<{ fence: number }>(sql`
    insert into pgstrata.lease as l (name, holder, expires_at)
    values (${name}, ${holder}, clock_timestamp() + ${durationMs} * interval '1 ms')
    on conflict (name) do update
    set holder = excluded.holder,
      expires_at = clock_timestamp() + ${durationMs} * interval '1 ms',
      fence = case when l.holder = excluded.holder and l.expires_at > clock_timestamp() then l.fence else l.fence + 1 end
    where l.holder = excluded.holder
      or l.expires_at <= clock_timestamp()
    returning fence::float8 as fence`)
  const [row] = rows
  return row === undefined ? undefined : { name, holder, fence: row.fence }
}

/** False: it was lost, and what is done under it must stop. */
export async function renewLease(on: Queryable, lease: Lease, durationMs: number): Promise<boolean> {
  const { rowCount } = await on.query(sql`
    update pgstrata.lease
    set expires_at = clock_timestamp() + ${durationMs} * interval '1 ms'
    where name = ${lease.name}
      and holder = ${lease.holder}
      and fence = ${lease.fence}
      and expires_at > clock_timestamp()`)
  return rowCount === 1
}

/** Gives it back at once. One that was lost meanwhile stays with whoever has it. */
export async function releaseLease(on: Queryable, lease: Lease): Promise<void> {
  await on.query(sql`
    update pgstrata.lease
    set expires_at = '-infinity'
    where name = ${lease.name}
      and holder = ${lease.holder}
      and fence = ${lease.fence}`)
}

/**
 * Whether the lease still stands, asked inside the transaction that does the work: the row is locked until it ends,
 * so nobody else can take the lease in between.
 */
export async function holdsLease(tx: Queryable, lease: Lease): Promise<boolean> {
  const { rows } = await tx.query(sql`
    select from pgstrata.lease
    where name = ${lease.name}
      and holder = ${lease.holder}
      and fence = ${lease.fence}
      and expires_at > clock_timestamp()
    for no key update`)
  return rows.length > 0
}

/** Whether somebody else has had it since: otherwise it may have run out, and be taken up again. */
export async function isTakenOver(tx: Queryable, { name, holder, fence }: Lease): Promise<boolean> {
  const { rows } = await tx.query(sql`
    select from pgstrata.lease
    where name = ${name}
      and holder = ${holder}
      and fence = ${fence}`)
  return rows.length === 0
}
