// What is kept in the database of backups: what the repository held when it was last looked at, and which backups were verified. So
// whoever asks how old the newest one is needs neither the repository nor the machine of the server.

import { onlyRow, type Db, type Queryable } from '../db/db.ts'
import { transaction } from '../db/transaction.ts'
import { sql } from '../sql/sql.ts'
import type { BackupCheck, BackupFindings, BackupRecord } from './model/record.ts'

const keptChecks = 1_000

/** What is not in the repository any more goes. */
export async function keepRecords(db: Db, records: readonly BackupRecord[]): Promise<void> {
  await transaction(db, async (tx) => {
    const labels = records.map(({ label }) => label)
    await tx.query(sql`delete from pgstrata.backup_record where label <> all (${labels}::text[])`)
    for (const { label, kind, beganAt, endedAt, bytes, storedBytes, walFrom, walTo, error } of records) {
      await tx.query(sql`
        insert into pgstrata.backup_record (label, kind, began_at, ended_at, bytes, stored_bytes, wal_from, wal_to, error)
        values (${label}, ${kind}, ${beganAt}, ${endedAt}, ${bytes}, ${storedBytes}, ${walFrom}, ${walTo}, ${error})
        on conflict (label) do update
        set error = excluded.error, seen_at = clock_timestamp()`)
    }
  })
}

/** The oldest first. */
export async function readRecords(on: Queryable): Promise<readonly BackupRecord[]> {
  const { rows } = await on.query<BackupRecord>(sql`
    select label, kind, began_at as "beganAt", ended_at as "endedAt", bytes::float8 as bytes,
      stored_bytes::float8 as "storedBytes", wal_from as "walFrom", wal_to as "walTo", error
    from pgstrata.backup_record
    order by ended_at, label`)
  return rows
}

export interface BeganCheck {
  readonly id: string
}

export async function beginCheck(
  on: Queryable,
  { backup, target }: { readonly backup: string; readonly target: string },
): Promise<BeganCheck> {
  const answer = await on.query<BeganCheck>(sql`
    insert into pgstrata.backup_check (backup, target, began_at)
    values (${backup}, ${target}::timestamptz, clock_timestamp())
    returning id::text as id`)
  return onlyRow(answer)
}

export async function endCheck(
  on: Queryable,
  { id }: BeganCheck,
  outcome: { readonly found: BackupFindings } | { readonly failure: string },
): Promise<BackupCheck> {
  const verified = 'found' in outcome
  await on.query(sql`
    update pgstrata.backup_check
    set ended_at = clock_timestamp(),
      outcome = ${verified ? 'verified' : 'failed'},
      found = ${verified ? JSON.stringify(outcome.found) : null}::jsonb,
      failure = ${verified ? null : outcome.failure}
    where id = ${id}::bigint`)
  await on.query(sql`delete from pgstrata.backup_check where id <= ${id}::bigint - ${keptChecks}`)
  return onlyRow(await on.query<BackupCheck>(sql`${selectChecks} where id = ${id}::bigint`))
}

const selectChecks = sql`
    select id::text as id, backup, target, began_at as "beganAt", ended_at as "endedAt", outcome, found, failure
    from pgstrata.backup_check`

export interface LastChecks {
  readonly last: BackupCheck | null
  /** By the moment it was restored to. */
  readonly verified: BackupCheck | null
}

export async function readLastChecks(on: Queryable): Promise<LastChecks> {
  const last = await on.query<BackupCheck>(sql`${selectChecks} where outcome is not null order by id desc limit 1`)
  const verified = await on.query<BackupCheck>(sql`
    ${selectChecks}
    where outcome = 'verified'
    order by target desc
    limit 1`)
  return { last: last.rows[0] ?? null, verified: verified.rows[0] ?? null }
}
