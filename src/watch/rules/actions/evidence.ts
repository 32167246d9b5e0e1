// What the reports of actions are made of, where nothing better is handed in: few rows, from the server's own statistics.

import { onlyRow, type Db, type Queryable } from '../../../db/db.ts'
import { transaction } from '../../../db/transaction.ts'
import { sql, type Sql } from '../../../sql/sql.ts'
import { sqlstate, sqlstateOf } from '../../../sql/sqlstate.ts'
import type { AlertMessage } from '../message.ts'

/** How loaded the primary is: connections by state, and how many replicas it has. Who reads changes, or makes a backup, is none. */
export async function collectLoad(on: Queryable): Promise<unknown> {
  const states = await on.query<{ state: string; count: number }>(sql`
    select coalesce(state, 'other') as state, count(*)::int4 as count
    from pg_stat_activity
    where backend_type = 'client backend'
    group by 1
    order by 2 desc`)
  const limits = await on.query<{ most: number; replicas: number }>(sql`
    select current_setting('max_connections')::int4 as most,
      (
        select count(*)::int4
        from pg_stat_replication r
        where r.state is distinct from 'backup'
          and not exists (select from pg_replication_slots s where s.active_pid = r.pid and s.slot_type = 'logical')
      ) as replicas`)
  const { most, replicas } = onlyRow(limits)
  return {
    node: 'primary',
    connections: Object.fromEntries(states.rows.map(({ state, count }) => [state, count])),
    maxConnections: most,
    replicasConnected: replicas,
  }
}

const mostTables = 10
const largeTableBytes = 8 * 1_024 ** 2

/** To look at a size waits for whoever has the table for himself alone; an alert does not. */
const lockTimeoutMs = 500

interface ScannedTables {
  /** Since when the server has counted that. */
  readonly since: string | null
  readonly readWhole: readonly object[]
}

/**
 * Tables that are read whole again and again though they are large: the first to look for an index. Where one is locked, sizes are
 * those of its last VACUUM or ANALYZE, which nobody locks.
 */
export async function collectScannedTables(db: Db): Promise<ScannedTables> {
  try {
    return await readScanned(db, sql`pg_relation_size(s.relid)`)
  } catch (error) {
    if (sqlstateOf(error) !== sqlstate.lockNotAvailable) throw error
    return await readScanned(db, sql`c.relpages * current_setting('block_size')::int8`)
  }
}

async function readScanned(db: Db, bytes: Sql): Promise<ScannedTables> {
  const read = async (tx: Queryable): Promise<ScannedTables> => {
    const { rows: counting } = await tx.query<{ since: Date | null }>(sql`
      select coalesce(stats_reset, pg_postmaster_start_time()) as since
      from pg_stat_database
      where datname = current_database()`)
    const { rows } = await tx.query(sql`
      select s.schemaname as schema, s.relname as table, s.seq_scan::float8 as scans, s.seq_tup_read::float8 as rows_read,
        coalesce(s.idx_scan, 0)::float8 as index_scans, (${bytes})::float8 as bytes
      from pg_stat_user_tables s
      join pg_class c on c.oid = s.relid
      where s.seq_scan > 0
        and ${bytes} >= ${largeTableBytes}
      order by s.seq_tup_read desc
      limit ${mostTables}`)
    return { since: counting[0]?.since?.toISOString() ?? null, readWhole: rows }
  }
  return await transaction(db, read, { readOnly: true, lockTimeoutMs })
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
