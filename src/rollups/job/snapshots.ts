// Who keeps vacuum from clearing what was merged: the oldest snapshot that this database has to keep rows for.
//
// Sessions count by what they see and by what they have written; a standby with hot_standby_feedback and a slot by what they
// ask for. Of sessions of others only a member of pg_read_all_stats is told. Nothing of what they run is read.

import type { Queryable } from '../../db/db.ts'
import { sql } from '../../sql/sql.ts'

export interface OldestSnapshot {
  readonly kind: 'session' | 'prepared transaction' | 'standby' | 'slot'
  /** The pid of a session; a name otherwise. */
  readonly name: string
  readonly since: Date | null
  readonly ageMs: number | null
  /** How many transactions have begun since. */
  readonly transactions: number
}

export async function readOldestSnapshot(on: Queryable): Promise<OldestSnapshot | null> {
  const { rows } = await on.query<OldestSnapshot>(sql`
    select kind, name, since, (1000 * extract(epoch from clock_timestamp() - since))::float8 as "ageMs",
      transactions::float8 as transactions
    from (
      select case backend_type when 'walsender' then 'standby' else 'session' end as kind,
        case backend_type when 'walsender' then application_name else pid::text end as name,
        xact_start as since, greatest(age(backend_xmin), age(backend_xid)) as transactions
      from pg_stat_activity
      where pid <> pg_backend_pid()
        and (datname = current_database() or backend_type = 'walsender')
        -- A vacuum holds up no other.
        and backend_type <> 'autovacuum worker'
        and pid not in (select pid from pg_stat_progress_vacuum)
      union all
      select 'prepared transaction', gid, prepared, age(transaction)
      from pg_prepared_xacts
      where database = current_database()
      union all
      select 'slot', slot_name::text, null, age(xmin)
      from pg_replication_slots
    ) as holder
    where transactions is not null
    order by transactions desc, since
    limit 1`)
  return rows[0] ?? null
}

/** Who it is and what to do, in words. */
export function describeSnapshot({ kind, name, since }: OldestSnapshot): {
  readonly what: string
  readonly todo: string
} {
  const when = since === null ? '' : ` since ${since.toISOString().slice(0, 19)}Z`
  switch (kind) {
    case 'session':
      return {
        what: `a transaction of the session with pid ${name} has been open${when}`,
        todo: `end it; select pg_terminate_backend(${name}) does`,
      }
    case 'prepared transaction':
      return {
        what: `the prepared transaction ${name} has waited${when}`,
        todo: 'commit prepared, or rollback prepared',
      }
    case 'standby':
      return {
        what: `a query on standby ${name} needs it (hot_standby_feedback)`,
        todo: 'end the long query there',
      }
    case 'slot':
      return {
        what: `the replication slot ${name} needs it`,
        todo: 'see that its standby is connected; drop the slot if there is none',
      }
  }
}
