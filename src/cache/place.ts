// What a cache asks of the database itself: which one it is, and where the primary's WAL is inserted.

import { parseLsn } from '../db/lsn.ts'
import type { Token } from '../db/token.ts'
import { sql, type Sql } from '../sql/sql.ts'

type Ask = (statement: Sql) => Promise<{ readonly rows: readonly Record<string, unknown>[] }>

/** Unrounded: only whoever is strictly behind it has seen it (see state.ts). */
export async function readPlace(ask: Ask): Promise<Token> {
  const { rows } = await ask(sql`
    select
      pg_current_wal_insert_lsn()::text as lsn,
      (select system_identifier::text from pg_control_system()) as system,
      substr(pg_walfile_name(pg_current_wal_insert_lsn()), 1, 8) as timeline`)
  const [row] = rows
  return {
    systemId: String(row?.['system']),
    timeline: Number.parseInt(String(row?.['timeline']), 16),
    lsn: parseLsn(String(row?.['lsn'])),
  }
}

/** The same in every process, and of no other database: the cluster and the database in it. */
export async function readCacheName(ask: Ask): Promise<string> {
  const { rows } = await ask(sql`
    select
      (select system_identifier::text from pg_control_system()) as system,
      (select oid::text from pg_database where datname = current_database()) as oid`)
  const [row] = rows
  return `${String(row?.['system'])}.${String(row?.['oid'])}`
}
