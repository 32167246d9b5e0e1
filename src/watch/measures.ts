// What the server says of itself when it is asked, by the names that probes have for it: where nothing is watched, or not yet.

import { onlyRow, type Queryable } from '../db/db.ts'
import { sql } from '../sql/sql.ts'

interface Row {
  readonly size: number
  readonly max: number
  readonly used: number
  readonly hit: number
  readonly read: number
}

/** As the probe `connections` counts them: of all databases, for all of them share what the server takes. */
export async function readMeasures(on: Queryable): Promise<Readonly<Record<string, number>>> {
  const { size, max, used, hit, read } = onlyRow(
    await on.query<Row>(sql`
      select pg_database_size(d.datid)::float8 as size,
        current_setting('max_connections')::float8 as max,
        case when pg_has_role('pg_read_all_stats', 'usage')
          then (select count(*) from pg_stat_activity where backend_type = 'client backend')
          else (select coalesce(sum(numbackends), 0) from pg_stat_database)
        end::float8 as used,
        d.blks_hit::float8 as hit,
        d.blks_read::float8 as read
      from pg_stat_database d
      where d.datname = current_database()`),
  )
  return {
    pgstrata_up: 1,
    pgstrata_database_size_bytes: size,
    pgstrata_connections_max: max,
    pgstrata_connections_used_ratio: used / max,
    ...(hit + read === 0 ? {} : { pgstrata_buffer_hit_ratio: hit / (hit + read) }),
  }
}
