// What the database is, how well its cache does, and what has been running for long: asked of the server when somebody wants to
// know, never kept.
// What the role may not see is null, and not 0. Texts of statements are shown without their constants.

import { loadShapes, shapeOf } from '../../sql/shape.ts'
import { sql } from '../../sql/sql.ts'
import type { Ask } from '../../db/own-questions.ts'
import { whyNotAll } from './sees-all.ts'

export interface DatabaseInfo {
  readonly database: string
  /** '8192 kB', as the server says it. */
  readonly size: string
  readonly size_bytes: number
  /** To this database, of all clients. */
  readonly connections: number
  /** Of those, at a statement now; null: the role may not see it (pg_monitor may). */
  readonly active_connections: number | null
  readonly max_connections: number
  readonly version: string
  readonly uptime_seconds: number
}

export async function readDatabaseInfo(ask: Ask): Promise<DatabaseInfo> {
  const [row] = await ask<DatabaseInfo & { readonly size_bytes: string; readonly sees_all: boolean }>(sql`
    select d.datname::text as database,
      pg_size_pretty(pg_database_size(d.oid)) as size,
      pg_database_size(d.oid)::text as size_bytes,
      s.numbackends as connections,
      case when pg_has_role('pg_read_all_stats', 'usage') then (
        select count(*)::int
        from pg_stat_activity a
        where a.datid = d.oid and a.state = 'active' and a.backend_type = 'client backend' and a.pid <> pg_backend_pid()
      ) end as active_connections,
      current_setting('max_connections')::int as max_connections,
      current_setting('server_version') as version,
      floor(extract(epoch from clock_timestamp() - pg_postmaster_start_time()))::float8 as uptime_seconds
    from pg_database d
      join pg_stat_database s on s.datid = d.oid
    where d.datname = current_database()`)
  if (row === undefined) throw new RangeError('The query gave no row')
  return { ...row, size_bytes: Number(row.size_bytes) }
}

export interface CacheHitRatio {
  /** Per cent of all blocks of this database that were in shared buffers; null: nothing was read yet. */
  readonly cacheHitRatio: number | null
  /** Of tables, and of indexes, of the application. */
  readonly tableHitRatio: number | null
  readonly indexHitRatio: number | null
  readonly blocksHit: number
  readonly blocksRead: number
  /** Counted from then on; null: since the database was made. */
  readonly countedSince: Date | null
}

type Blocks = Readonly<Record<'hit' | 'read' | 'table_hit' | 'table_read' | 'index_hit' | 'index_read', string>>

export async function readCacheHitRatio(ask: Ask): Promise<CacheHitRatio> {
  const [row] = await ask<Blocks & { readonly counted_since: Date | null }>(sql`
    select d.blks_hit::text as hit, d.blks_read::text as read, d.stats_reset as counted_since, t.*, i.*
    from pg_stat_database d
      cross join (
        select coalesce(sum(heap_blks_hit), 0)::text as table_hit, coalesce(sum(heap_blks_read), 0)::text as table_read
        from pg_statio_user_tables) t
      cross join (
        select coalesce(sum(idx_blks_hit), 0)::text as index_hit, coalesce(sum(idx_blks_read), 0)::text as index_read
        from pg_statio_user_indexes) i
    where d.datname = current_database()`)
  if (row === undefined) throw new RangeError('The query gave no row')
  const hit = Number(row.hit)
  const read = Number(row.read)
  return {
    cacheHitRatio: perCentOf(hit, read),
    tableHitRatio: perCentOf(Number(row.table_hit), Number(row.table_read)),
    indexHitRatio: perCentOf(Number(row.index_hit), Number(row.index_read)),
    blocksHit: hit,
    blocksRead: read,
    countedSince: row.counted_since,
  }
}

/** To two places; null of nothing. */
export function perCentOf(hit: number, missed: number): number | null {
  return hit + missed === 0 ? null : Math.round((10_000 * hit) / (hit + missed)) / 100
}

export interface LongRunningQuery {
  readonly pid: number
  readonly query: string
  /** Milliseconds: of the statement, or of the transaction where it waits for its client. */
  readonly duration: number
  readonly state: string
  readonly wait_event_type: string | null
  readonly wait_event: string | null
  readonly usename: string | null
  readonly application_name: string
  readonly transaction_ms: number | null
  /** Who it waits for. */
  readonly blocked_by: readonly number[]
}

/** An array, as the application's code reads it. */
export type LongRunningQueries = readonly LongRunningQuery[] & {
  /** Why it is not of all sessions; undefined: it is. */
  readonly unavailable: string | undefined
}

const mostRunning = 100

/** Statements, and transactions that wait for their client, that are older than `minMs`; the oldest first, at most 100. */
export async function readLongRunning(ask: Ask, minMs: number): Promise<LongRunningQueries> {
  const rows = await ask<LongRunningQuery>(sql`
    select a.pid, a.query, a.state, a.wait_event_type, a.wait_event, a.usename::text as usename, a.application_name,
      run.ms as duration,
      (extract(epoch from clock_timestamp() - a.xact_start) * 1000)::float8 as transaction_ms,
      pg_blocking_pids(a.pid) as blocked_by
    from pg_stat_activity a
      cross join lateral (
        select (extract(epoch from clock_timestamp()
          - case when a.state = 'active' then a.query_start else a.xact_start end) * 1000)::float8 as ms) run
    where a.datname = current_database()
      and a.backend_type = 'client backend'
      and a.pid <> pg_backend_pid()
      and (a.state = 'active' or a.state like 'idle in transaction%')
      and run.ms >= ${minMs}
    order by run.ms desc
    limit ${mostRunning}`)
  await loadShapes()
  const shown = rows.map((row) => ({ ...row, query: shapeOf(row.query).text }))
  return Object.assign(shown, { unavailable: await whyNotAll(ask) })
}
