// The replication slot: made, looked at, taken over, dropped.
//
// What must be true: no slot is made on a server that would keep WAL for it without end. Its name carries the database and
// the epoch, so a slot that somebody made anew is never taken for the one that was lost. One consumer has it at a time: the
// server sees to that, and whoever takes over ends the backend of the one before.

import type { Clock } from '../../../base/clock.ts'
import { StrataError } from '../../../base/errors.ts'
import { onlyRow, type Db, type Queryable } from '../../../db/db.ts'
import { parseLsn, type Lsn } from '../../../db/lsn.ts'
import { transaction } from '../../../db/transaction.ts'
import { sql } from '../../../sql/sql.ts'
import { sqlstate, sqlstateOf } from '../../../sql/sqlstate.ts'

export interface SlotState {
  readonly isLost: boolean
  readonly walStatus: string | null
  readonly activePid: number | null
  readonly confirmed: Lsn
  /** WAL that the server keeps for it. */
  readonly retainedBytes: number
  /** WAL that it has not delivered, or that was not handled. */
  readonly lagBytes: number
}

/** undefined: there is none. */
export async function readSlot(on: Queryable, name: string): Promise<SlotState | undefined> {
  interface Row {
    readonly walStatus: string | null
    readonly activePid: number | null
    readonly confirmed: string | null
    readonly retainedBytes: number
    readonly lagBytes: number
  }
  const { rows } = await on.query<Row>(sql`
    select wal_status as "walStatus", active_pid as "activePid", confirmed_flush_lsn::text as confirmed,
      coalesce(pg_wal_lsn_diff(pg_current_wal_insert_lsn(), restart_lsn), 0)::float8 as "retainedBytes",
      coalesce(pg_wal_lsn_diff(pg_current_wal_insert_lsn(), confirmed_flush_lsn), 0)::float8 as "lagBytes"
    from pg_replication_slots
    where slot_name = ${name}
      and database = current_database()
      and plugin = 'pgoutput'`)
  const [row] = rows
  if (row === undefined) return undefined
  const confirmed = row.confirmed === null ? 0n : parseLsn(row.confirmed)
  return { ...row, confirmed, isLost: row.walStatus === 'lost' }
}

export interface WalSettings {
  readonly walLevel: string
  /** undefined: there is none. */
  readonly capBytes: number | undefined
}

export async function readWalSettings(on: Queryable): Promise<WalSettings> {
  const answer = await on.query<{ walLevel: string; capMb: number }>(sql`
    select current_setting('wal_level') as "walLevel",
      (select setting::float8 from pg_settings where name = 'max_slot_wal_keep_size') as "capMb"`)
  const { walLevel, capMb } = onlyRow(answer)
  return { walLevel, capBytes: capMb < 0 ? undefined : capMb * 1024 * 1024 }
}

/** `ownCapBytes`: the feed drops its slot itself beyond that, while some process runs it. */
export function requireSafe({ walLevel, capBytes }: WalSettings, ownCapBytes: number | undefined): void {
  if (walLevel !== 'logical')
    throw new StrataError('FEED_NOT_LOGICAL', {
      message: 'The server cannot decode its WAL',
      expected: "wal_level = 'logical'",
      got: `wal_level = '${walLevel}'`,
    })
  if (capBytes !== undefined || ownCapBytes !== undefined) return
  throw new StrataError('FEED_UNCAPPED', {
    message: 'No slot is made on a server that keeps WAL for it without end',
    expected: 'a cap in max_slot_wal_keep_size',
    got: 'max_slot_wal_keep_size = -1',
    advice:
      "Set a cap and reload: alter system set max_slot_wal_keep_size = '4GB'; select pg_reload_conf(). Where you cannot, give the feed a cap of its own, which holds only while a process runs it.",
  })
}

/** Slots of this database that are ours begin so. */
export async function readSlotPrefix(on: Queryable): Promise<string> {
  const answer = await on.query<{ prefix: string }>(
    sql`select 'pgstrata_' || oid || '_' as prefix from pg_database where datname = current_database()`,
  )
  return onlyRow(answer).prefix
}

/** Waits for every transaction under way, at most `timeoutMs`. */
export async function createSlot(db: Db, { name, timeoutMs }: { name: string; timeoutMs: number }): Promise<void> {
  await transaction(db, async (tx) => {
    await tx.query(sql`select set_config('statement_timeout', ${`${timeoutMs}ms`}, true)`)
    await tx.query(sql`select pg_create_logical_replication_slot(${name}, 'pgoutput')`)
  })
}

export interface FreeSlotOptions {
  readonly name: string
  readonly waitMs: number
  readonly clock: Clock
  readonly signal: AbortSignal
}

/** Ends the backend of whoever consumes it; the caller holds the lease. */
export async function freeSlot(on: Queryable, { name, waitMs, clock, signal }: FreeSlotOptions): Promise<void> {
  const deadline = clock.monotonic() + waitMs
  for (;;) {
    const { rows } = await on.query<{ pid: number }>(sql`
      select active_pid as pid
      from pg_replication_slots
      where slot_name = ${name}
        and active_pid is not null`)
    const [row] = rows
    if (row === undefined) return
    if (clock.monotonic() >= deadline)
      throw new StrataError('FEED_SLOT_BUSY', { message: `Backend ${row.pid} keeps the replication slot` })
    await on.query(sql`select pg_terminate_backend(${row.pid}::int4)`)
    await clock.sleep(20, signal)
  }
}

/** Slots of earlier epochs: of one that was lost, or whose making was cut off. */
export async function dropOtherSlots(
  on: Queryable,
  { prefix, keep, ...free }: Omit<FreeSlotOptions, 'name'> & { prefix: string; keep: string },
): Promise<void> {
  const { rows } = await on.query<{ name: string }>(sql`
    select slot_name::text as name
    from pg_replication_slots
    where starts_with(slot_name, ${prefix})
      and slot_name <> ${keep}
      and database = current_database()`)
  for (const { name } of rows) {
    await freeSlot(on, { name, ...free })
    await dropSlot(on, name)
  }
}

export async function dropSlot(on: Queryable, name: string): Promise<void> {
  try {
    await on.query(sql`select pg_drop_replication_slot(${name})`)
  } catch (error) {
    if (sqlstateOf(error) !== sqlstate.undefinedObject) throw error
  }
}

/** So that the slot moves on where only other databases of the server are written to. */
export async function emitHeartbeat(on: Queryable): Promise<void> {
  await on.query(sql`select pg_logical_emit_message(false, 'pgstrata', '')`)
}
