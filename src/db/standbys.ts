// Who in pg_stat_replication is a standby: copies that are being made are none (pg_basebackup streams beside the copy), nor are consumers of logical slots, such as
// those of a feed of changes.

import { sql, type Sql } from '../sql/sql.ts'

/** Of a row `r` of pg_stat_replication. */
export const isStandby: Sql = sql`r.state is distinct from 'backup'
    and r.application_name is distinct from 'pg_basebackup'
    and not exists (
      select
      from pg_replication_slots s
      where s.active_pid = r.pid
        and s.slot_type = 'logical'
    )`
