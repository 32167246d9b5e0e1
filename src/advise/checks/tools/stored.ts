// What `watch` has stored of a server in the last day: rates of now, where the server's own counters are sums since whenever
// they were reset.

import type { Queryable } from '../../../db/db.ts'
import { sql } from '../../../sql/sql.ts'

export const storedHours = 24
/** Of less nothing follows. */
const leastHours = 1
/** A reading that failed is made up for by the next; what is longer than so many intervals is a hole in which nobody measured. */
const mostIntervals = 3

export interface Stored {
  /** In which something was measured: holes are left out. */
  readonly hours: number
  readonly added: (metric: string, label?: string) => number
}

/** Whether there is a store, and this role may read it. */
export async function readsStore(on: Queryable): Promise<boolean> {
  const { rows } = await on.query(sql`
    select
    from pg_class c
    join pg_namespace n on n.oid = c.relnamespace
    where n.nspname = 'pgstrata'
      and c.relname = 'watch_metric'
      and has_schema_privilege(n.oid, 'usage')
      and has_table_privilege(c.oid, 'select')`)
  return rows.length > 0
}

/** Undefined: nothing is stored, or not for an hour. `sinceStart`: nothing of before the server was started last. */
export async function readStored(
  on: Queryable,
  node: string,
  metrics: readonly string[],
  { sinceStart = false }: { readonly sinceStart?: boolean } = {},
): Promise<Stored | undefined> {
  if (!(await readsStore(on))) return undefined
  const { rows } = await on.query<{ metric: string; label: string; added: number; hours: number }>(sql`
    with recent as (
      select at, metric, labels, value
      from pgstrata.watch_metric
      where node = ${node}
        and metric = any(${['pgstrata_transactions_total', ...metrics]})
        and at > greatest(
          clock_timestamp() - make_interval(hours => ${storedHours}),
          case when ${sinceStart}::bool then pg_postmaster_start_time() end)
    ), readings as (
      -- To ask is a transaction itself, so each reading has some.
      select at, extract(epoch from at - lag(at) over (order by at)) / 3600 as gap
      from (select distinct at from recent where metric = 'pgstrata_transactions_total') r
    ), usual as (
      select percentile_cont(0.5) within group (order by gap) as gap
      from readings
    )
    select metric, coalesce(labels::jsonb ->> 0, '') as label, sum(value)::float8 as added,
      coalesce((
        select sum(least(coalesce(r.gap, u.gap), ${mostIntervals}::float8 * u.gap))
        from readings r
        cross join usual u
      ), 0)::float8 as hours
    from recent
    group by metric, labels`)
  const hours = rows[0]?.hours ?? 0
  // A minute less for what clocks and loads move.
  if (hours < leastHours - 1 / 60) return undefined
  const added = new Map(rows.map((row) => [`${row.metric} ${row.label}`, row.added]))
  return { hours, added: (metric, label = '') => added.get(`${metric} ${label}`) ?? 0 }
}
