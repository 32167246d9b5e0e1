// The connections of a run on the server: each run has its own, under a name that nobody else has, so that what still
// works for it there can be found and ended. By name and not by process id: a pooler in between tells ids of its own.
// Where the role may not (another role's backends), nothing happens: the statement runs to its end, and what it
// did is refused by the fence.

import { createHash } from 'node:crypto'
import type { Db } from '../db/db.ts'
import { sql } from '../sql/sql.ts'

const maxNameBytes = 63

/** Printable ASCII, as the server keeps it, and at most 63 bytes. */
export function nameConnections(job: string, fence: number): string {
  const whole = `pgstrata job ${job} #${fence}`
  if (/^[\x20-\x7e]*$/.test(whole) && whole.length <= maxNameBytes) return whole
  const digest = createHash('sha256').update(job).digest('hex').slice(0, 8)
  const end = `~${digest} #${fence}`
  const start = `pgstrata job ${job}`.replaceAll(/[^\x20-\x7e]/g, '_')
  return start.slice(0, maxNameBytes - end.length) + end
}

export async function cancelBackends(on: Db, applicationName: string): Promise<void> {
  await on.query(sql`
    select pg_cancel_backend(pid)
    from pg_stat_activity
    where application_name = ${applicationName}
      and datname = current_database()
      and state <> 'idle'
      and pid <> pg_backend_pid()`)
}

export async function terminateBackends(on: Db, applicationName: string): Promise<void> {
  await on.query(sql`
    select pg_terminate_backend(pid)
    from pg_stat_activity
    where application_name = ${applicationName}
      and datname = current_database()
      and state <> 'idle'
      and pid <> pg_backend_pid()`)
}
