// Rows into our tables, one statement a table. Numbers go as text of their own type; nothing is spliced.

import { sql, type Sql } from '../../sql/sql.ts'
import { mostStoredTexts, type QueryText, type SessionRow, type StatementRow } from '../model/rows.ts'
import type { MetricRow } from './minutes.ts'

export interface StatementEntry extends StatementRow {
  readonly atMs: number
  readonly node: string
}

export interface SessionEntry extends SessionRow {
  readonly atMs: number
  readonly node: string
}

export function insertMetrics(rows: readonly MetricRow[]): Sql {
  return sql`
    insert into pgstrata.watch_metric (at, node, metric, labels, value)
    select to_timestamp(at / 1000), node, metric, labels, value
    from unnest(
      ${rows.map(({ atMs }) => atMs)}::float8[],
      ${rows.map(({ node }) => node)}::text[],
      ${rows.map(({ metric }) => metric)}::text[],
      ${rows.map(({ labels }) => labels)}::text[],
      ${rows.map(({ value }) => value)}::float8[]
    ) as r (at, node, metric, labels, value)`
}

export function insertStatements(rows: readonly StatementEntry[]): Sql {
  const numbers = (of: keyof Omit<StatementEntry, 'node' | 'queryid'>): readonly number[] => rows.map((row) => row[of])
  return sql`
    insert into pgstrata.watch_statement (at, node, queryid, calls, exec_ms, plan_ms, rows, blocks_hit, blocks_read, temp_blocks, io_ms, wal_bytes)
    select to_timestamp(at / 1000), node, queryid, calls, exec_ms, plan_ms, rows, blocks_hit, blocks_read, temp_blocks, io_ms, wal_bytes
    from unnest(
      ${numbers('atMs')}::float8[],
      ${rows.map(({ node }) => node)}::text[],
      ${rows.map(({ queryid }) => queryid)}::int8[],
      ${numbers('calls')}::float8[],
      ${numbers('execMs')}::float8[],
      ${numbers('planMs')}::float8[],
      ${numbers('rows')}::float8[],
      ${numbers('blocksHit')}::float8[],
      ${numbers('blocksRead')}::float8[],
      ${numbers('tempBlocks')}::float8[],
      ${numbers('ioMs')}::float8[],
      ${numbers('walBytes')}::float8[]
    ) as r (at, node, queryid, calls, exec_ms, plan_ms, rows, blocks_hit, blocks_read, temp_blocks, io_ms, wal_bytes)`
}

export function insertSessions(rows: readonly SessionEntry[]): Sql {
  return sql`
    insert into pgstrata.watch_session (at, node, wait_type, wait, queryid, samples)
    select to_timestamp(at / 1000), node, wait_type, wait, queryid, samples
    from unnest(
      ${rows.map(({ atMs }) => atMs)}::float8[],
      ${rows.map(({ node }) => node)}::text[],
      ${rows.map(({ waitType }) => waitType)}::text[],
      ${rows.map(({ wait }) => wait)}::text[],
      ${rows.map(({ queryid }) => queryid)}::int8[],
      ${rows.map(({ samples }) => samples)}::float8[]
    ) as r (at, node, wait_type, wait, queryid, samples)`
}

/** Seen again: once a day is enough to know that it still is. */
export function upsertTexts(rows: readonly QueryText[]): Sql {
  return sql`
    insert into pgstrata.watch_query as q (queryid, text)
    select queryid, text
    from unnest(${rows.map(({ queryid }) => queryid)}::int8[], ${rows.map(({ text }) => text)}::text[]) as r (queryid, text)
    order by queryid
    on conflict (queryid) do update
    set seen_at = now()
    where q.seen_at < now() - interval '1 day'`
}

/** Texts of statements that nobody has sent for as long as anything is kept, and those that came longest ago where there are too many. */
export function deleteOldTexts(keptMs: number): readonly Sql[] {
  return [
    sql`delete from pgstrata.watch_query where seen_at < now() - ${keptMs} * interval '1 ms'`,
    sql`delete from pgstrata.watch_shape where seen_at < now() - ${keptMs} * interval '1 ms'`,
    boundQueries,
    // Applications add none beyond the bound: whoever is new finds room then.
    sql`
      delete from pgstrata.watch_shape
      where shape in (
        select shape
        from pgstrata.watch_shape
        where kind <> 'other'
        order by seen_at desc, shape
        offset ${Math.floor(0.9 * mostStoredTexts)})`,
  ]
}

/** After some were added. */
export const boundQueries: Sql = sql`
  delete from pgstrata.watch_query
  where queryid in (
    select queryid
    from pgstrata.watch_query
    order by seen_at desc, queryid
    offset ${mostStoredTexts})`
