// The server that is backed up, as it says itself: where its data is, and how it archives.

import { StrataError } from '../base/errors.ts'
import { onlyRow, type Db } from '../db/db.ts'
import { sql } from '../sql/sql.ts'
import { sqlstate, sqlstateOf } from '../sql/sqlstate.ts'
import type { BackedServer } from './model/provider.ts'

export async function readServer(db: Db): Promise<BackedServer> {
  try {
    const answer = await db.query<BackedServer & { readonly isReplica: boolean }>(sql`
      select current_setting('server_version_num')::int4 / 10000 as major,
        current_setting('server_version') as version,
        current_setting('data_directory') as "dataDir",
        current_setting('port')::int4 as port,
        coalesce(nullif(trim(split_part(current_setting('unix_socket_directories'), ',', 1)), ''), '/tmp') as "socketDir",
        current_database()::text as database,
        pg_is_in_recovery() as "isReplica",
        (
          select jsonb_object_agg(name, setting)
          from pg_settings
          where name in ('archive_mode', 'archive_command', 'archive_timeout', 'wal_level')
        ) as settings`)
    const { isReplica, ...server } = onlyRow(answer)
    if (!isReplica) return server
  } catch (error) {
    if (sqlstateOf(error) !== sqlstate.insufficientPrivilege) throw error
    throw new StrataError('DATABASE_PRIVILEGE', {
      message: 'The role may not see where the data of the server is',
      advice: `As an administrator run: grant pg_read_all_settings to "${db.target.user}"`,
      cause: error,
    })
  }
  throw new StrataError('DATABASE_IS_REPLICA', {
    message: 'Backups are made of the primary, and this is a replica',
    expected: 'a primary',
    got: 'a server in recovery',
  })
}

/** What a server that is started on restored data has to know of the one it is a copy of. */
export interface OriginalServer {
  /** Who was there first, whatever became of it since. */
  readonly superuser: string
  readonly maxPreparedTransactions: number
}

export async function readOriginal(db: Db): Promise<OriginalServer> {
  const answer = await db.query<OriginalServer>(sql`
    select (select rolname::text from pg_roles where oid = 10) as superuser,
      current_setting('max_prepared_transactions')::int4 as "maxPreparedTransactions"`)
  return onlyRow(answer)
}
