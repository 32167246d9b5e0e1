// Which relations checks speak of, and how they are named.

import { quoteIdent } from '../../../sql/quote.ts'
import { sql, type Sql } from '../../../sql/sql.ts'

/** Of pg_class c in pg_namespace n: not the server's, not ours, not an extension's, and not temporary. */
export const usersOwn: Sql = sql`n.nspname !~ '^pg_'
        and n.nspname not in ('information_schema', 'pgstrata')
        and c.relpersistence <> 't'
        and not exists (
          select
          from pg_depend e
          where e.classid = 'pg_class'::regclass
            and e.objid = c.oid
            and e.deptype = 'e'
        )`

/** Of a pg_class: itself, or of what is partitioned that which holds rows. pg_partition_tree tells nothing of the rest. */
export function leavesOf(relation: Sql): Sql {
  return sql`(
              select ${relation}.oid as relid
              where ${relation}.relkind not in ('p', 'I')
              union all
              select l.relid::oid
              from pg_partition_tree(${relation}.oid) l
              where ${relation}.relkind in ('p', 'I')
                and l.isleaf
            )`
}

/** Of a pg_class: a tree is looked for only where there is one. */
export function ofLeaves(
  relation: Sql,
  what: 'pg_relation_size' | 'pg_stat_get_numscans' | 'pg_stat_get_live_tuples',
): Sql {
  const of = sql.raw(what)
  return sql`(case when ${relation}.relkind in ('p', 'I')
              then (select coalesce(sum(${of}(l.relid)), 0) from pg_partition_tree(${relation}.oid) l where l.isleaf)
              else ${of}(${relation}.oid)
            end)::float8`
}

/** Of pg_class c: what its own settings say, or else the server's. */
export function settingOf(name: string): Sql {
  return sql`coalesce(
          (select o.option_value from pg_options_to_table(c.reloptions) o where o.option_name = ${name}::text),
          current_setting(${name}::text)
        )::float8`
}

/** Since when the counters of this database count; null: since they were made. */
export const countedSince: Sql = sql`(select d.stats_reset::text from pg_stat_database d where d.datname = current_database())`

/** As a person reads it: quoted only where it has to be. */
export function showName(...parts: readonly string[]): string {
  return parts.map((part) => (/^[a-z_][a-z0-9_$]*$/.test(part) ? part : quoteIdent(part))).join('.')
}
