// What a server and the role that asks it are: asked anew after each connection, and once a minute.

import { readFile } from 'node:fs/promises'
import { onlyRow, type Session } from '../../db/db.ts'
import { sql } from '../../sql/sql.ts'
import type { NodeFacts } from '../model/server-probe.ts'

/** Settings that probes and checks look at. */
const settings = [
  'autovacuum',
  'compute_query_id',
  'data_checksums',
  'effective_cache_size',
  'fsync',
  'full_page_writes',
  'log_min_duration_statement',
  'max_connections',
  'max_slot_wal_keep_size',
  'max_wal_size',
  'pg_stat_statements.track',
  'random_page_cost',
  'shared_buffers',
  'shared_preload_libraries',
  'track_activity_query_size',
  'track_counts',
  'track_io_timing',
  'wal_level',
  'work_mem',
] as const

interface Row {
  readonly major: number
  readonly isReplica: boolean
  readonly isSuperuser: boolean
  readonly seesAll: boolean
  readonly extensions: readonly string[]
  readonly settings: Readonly<Record<string, string>>
  readonly pid: number
  readonly clientPort: number | null
}

export async function readNodeFacts(session: Session, node: string): Promise<NodeFacts> {
  const answer = await session.query<Row>(sql`
    select current_setting('server_version_num')::int4 / 10000 as major,
      pg_is_in_recovery() as "isReplica",
      coalesce((select rolsuper from pg_roles where rolname = current_user), false) as "isSuperuser",
      pg_has_role(current_user, 'pg_read_all_stats', 'usage') as "seesAll",
      (select coalesce(array_agg(extname::text), '{}') from pg_extension) as extensions,
      (select coalesce(jsonb_object_agg(name, current_setting(name)), '{}') from pg_settings where name = any (${[...settings]})) as settings,
      pg_backend_pid() as pid,
      inet_client_port() as "clientPort"`)
  const { pid, clientPort, extensions, ...facts } = onlyRow(answer)
  return { node, ...facts, extensions: new Set(extensions), isLocal: await isOurs(pid, clientPort) }
}

/** Whether the backend is a process of this machine, and not one of the same number: by the port that its title names. */
async function isOurs(pid: number, clientPort: number | null): Promise<boolean> {
  const title = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')
  const from = clientPort === null || clientPort < 0 ? '[local]' : `(${clientPort})`
  return title.startsWith('postgres: ') && title.includes(from)
}
