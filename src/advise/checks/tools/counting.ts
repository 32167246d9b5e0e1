// For how long the server has counted. Of a database that was never reset it does not say since when (stats_reset is null), so
// there are two bounds: it has not counted for longer than all its statistics are there, and it has counted for at least as long as
// something proves.

import { sql, type Sql } from '../../../sql/sql.ts'

/** Of pg_stat_database d: hours, at the most. A rate by it is never too high. */
export const hoursAtMost: Sql = sql`(extract(epoch from clock_timestamp() - coalesce(d.stats_reset, (
          select least(b.stats_reset, w.stats_reset, a.stats_reset)
          from pg_stat_bgwriter b, pg_stat_wal w, pg_stat_archiver a
        ))) / 3600)::float8`

/**
 * Since when the counters of this database count, at the latest; null: nothing proves any time. Proofs are the oldest VACUUM, ANALYZE
 * or scan that they still know of, and the file that was made with the database, where the role may look.
 */
export function countedFrom(major: number): Sql {
  const lastScan = major < 16 ? sql`` : sql`, pg_stat_get_lastscan(x.oid)`
  return sql`(
            select coalesce(d.stats_reset, least(
              (
                select min(least(pg_stat_get_last_vacuum_time(x.oid), pg_stat_get_last_autovacuum_time(x.oid),
                  pg_stat_get_last_analyze_time(x.oid), pg_stat_get_last_autoanalyze_time(x.oid)${lastScan}))
                from pg_class x
                where x.relkind in ('r', 'm', 'i')
                  -- Those of the whole cluster were read before this database was there.
                  and not x.relisshared
              ),
              case when has_function_privilege('pg_stat_file(text, boolean)', 'execute') then (
                select greatest(b.stats_reset, f.modification)
                from pg_stat_bgwriter b, pg_stat_file('base/' || d.datid || '/PG_VERSION', true) f
                where f.modification is not null
              ) end
            ))
            from pg_stat_database d
            where d.datname = current_database()
          )`
}

/** Of pg_class c, an index, and what stands for its leaves: when it was read last, where the server says so (from 16 on). */
export function lastRead(major: number, leaves: Sql): Sql {
  return major < 16 ? sql`null::timestamptz` : sql`(select max(pg_stat_get_lastscan(p.relid)) from ${leaves} p)`
}

/**
 * Of pg_class c and pg_index i: the index was made, or changed, no later than then; null: nothing proves it. A name in what `watch`
 * stored proves nothing, since an index is often made anew under the same. The transaction that wrote its rows last does: either the
 * server keeps when it committed, or the file of pg_xact that says so was not written since, as far as it had ended at the last
 * checkpoint. What was frozen long ago has no such file any more: then the oldest that there is.
 */
export const madeBefore: Sql = sql`(
          select coalesce(
            case when current_setting('track_commit_timestamp') = 'on' then pg_xact_commit_timestamp(last.xid) end,
            case when has_function_privilege('pg_stat_file(text, boolean)', 'execute')
                and has_function_privilege('pg_control_checkpoint()', 'execute') then (
              select coalesce(own.modification, case when age(last.xid) > age(k.oldest_xid) then oldest.modification end)
              from pg_control_checkpoint() k
              cross join lateral pg_stat_file(${fileOf(sql`last.xid`)}, true) own
              cross join lateral pg_stat_file(${fileOf(sql`k.oldest_xid`)}, true) oldest
              where age(last.xid) > age(k.oldest_active_xid)
            ) end)
          from (select case when age(c.xmin) < age(i.xmin) then c.xmin else i.xmin end as xid) last
        )`

/** Two bits a transaction, 32 pages a file. */
function fileOf(xid: Sql): Sql {
  return sql`'pg_xact/' || lpad(upper(to_hex(${xid}::text::int8 / (current_setting('block_size')::int8 * 128))), 4, '0')`
}
