// What the reports of actions are made of, where nothing better is handed in: few rows, from the server's own statistics.

import { onlyRow, type Queryable } from '../../../db/db.ts'
import { sql } from '../../../sql/sql.ts'
import type { AlertMessage } from '../message.ts'

/** How loaded servers are: connections by state, and who replicates. */
export async function collectLoad(on: Queryable): Promise<unknown> {
  const states = await on.query<{ state: string; count: number }>(sql`
    select coalesce(state, 'other') as state, count(*)::int4 as count
    from pg_stat_activity
    where backend_type = 'client backend'
    group by 1
    order by 2 desc`)
  const limits = await on.query<{ most: number; replicas: number }>(sql`
    select current_setting('max_connections')::int4 as most,
      (select count(*)::int4 from pg_stat_replication) as replicas`)
  const { most, replicas } = onlyRow(limits)
  return {
    connections: Object.fromEntries(states.rows.map(({ state, count }) => [state, count])),
    maxConnections: most,
    replicasConnected: replicas,
  }
}

const mostTables = 10
const largeTableBytes = 8 * 1_024 ** 2

/** Tables that are read whole again and again though they are large: the first to look for an index. */
export async function collectScannedTables(on: Queryable): Promise<{ readonly readWhole: readonly object[] }> {
  const { rows } = await on.query(sql`
    select s.schemaname as schema, s.relname as table, s.seq_scan::float8 as scans, s.seq_tup_read::float8 as rows_read,
      coalesce(s.idx_scan, 0)::float8 as index_scans, pg_relation_size(s.relid)::float8 as bytes
    from pg_stat_user_tables s
    where s.seq_scan > 0
      and pg_relation_size(s.relid) >= ${largeTableBytes}
    order by s.seq_tup_read desc
    limit ${mostTables}`)
  return { readWhole: rows }
}

/** What is known of the shapes of statements that alerts are about. */
export async function collectStatements(on: Queryable, { alerts }: AlertMessage): Promise<unknown> {
  const shapes = [...new Set(alerts.flatMap(({ labels }) => labels['shape'] ?? []))].slice(0, mostTables)
  const { rows } = await on.query(sql`
    select shape, kind, left(text, 500) as text, queryid::text as queryid
    from pgstrata.watch_shape
    where shape = any(${shapes}::text[])
    order by shape`)
  return { statements: rows }
}
