// Transactions that have been open for long, and which of them hold what structural work is about to lock. Of sessions of
// others only a member of pg_read_all_stats is told.

import type { Queryable } from '../db/db.ts'
import { sql } from '../sql/sql.ts'
import { lockModes, type LockMode, type TableLock } from './locks.ts'

export interface OpenTransaction {
  readonly pid: number
  readonly user: string | null
  readonly application: string | null
  readonly state: string | null
  readonly ageMs: number
  /** Tables that it holds in a way that the work would have to wait for. */
  readonly holds: readonly string[]
}

/** PostgreSQL's table of conflicts (13.3.1): which modes each of them excludes. */
const conflicts: Readonly<Record<LockMode, readonly LockMode[]>> = {
  'ACCESS SHARE': ['ACCESS EXCLUSIVE'],
  'ROW SHARE': ['EXCLUSIVE', 'ACCESS EXCLUSIVE'],
  'ROW EXCLUSIVE': ['SHARE', 'SHARE ROW EXCLUSIVE', 'EXCLUSIVE', 'ACCESS EXCLUSIVE'],
  'SHARE UPDATE EXCLUSIVE': ['SHARE UPDATE EXCLUSIVE', 'SHARE', 'SHARE ROW EXCLUSIVE', 'EXCLUSIVE', 'ACCESS EXCLUSIVE'],
  SHARE: ['ROW EXCLUSIVE', 'SHARE UPDATE EXCLUSIVE', 'SHARE ROW EXCLUSIVE', 'EXCLUSIVE', 'ACCESS EXCLUSIVE'],
  'SHARE ROW EXCLUSIVE': [
    'ROW EXCLUSIVE',
    'SHARE UPDATE EXCLUSIVE',
    'SHARE',
    'SHARE ROW EXCLUSIVE',
    'EXCLUSIVE',
    'ACCESS EXCLUSIVE',
  ],
  EXCLUSIVE: lockModes.filter((mode) => mode !== 'ACCESS SHARE'),
  'ACCESS EXCLUSIVE': lockModes,
}

/** 'AccessShareLock', as pg_locks calls it. */
function heldName(mode: LockMode): string {
  const words = mode.split(' ').map((word) => `${word.slice(0, 1)}${word.slice(1).toLowerCase()}`)
  return `${words.join('')}Lock`
}

export async function readOpenTransactions(
  on: Queryable,
  { olderThanMs, locks }: { readonly olderThanMs: number; readonly locks: readonly TableLock[] },
): Promise<readonly OpenTransaction[]> {
  const wanted = locks.flatMap(({ on: name, mode }) =>
    conflicts[mode].map((other) => ({ name, held: heldName(other) })),
  )
  const { rows } = await on.query<OpenTransaction>(sql`
    with wanted as (
      select to_regclass(name) as oid, held
      from unnest(${wanted.map(({ name }) => name)}::text[], ${wanted.map(({ held }) => held)}::text[]) as named (name, held)
    )
    select a.pid, a.usename::text as "user", a.application_name as application, a.state,
      (1000 * extract(epoch from clock_timestamp() - a.xact_start))::float8 as "ageMs",
      array(
        select distinct wanted.oid::regclass::text
        from pg_locks l
        join wanted on wanted.oid = l.relation and wanted.held = l.mode
        where l.pid = a.pid
          and l.locktype = 'relation'
          and l.granted
        order by 1
      ) as holds
    from pg_stat_activity a
    where a.datname = current_database()
      and a.pid <> pg_backend_pid()
      and a.backend_type = 'client backend'
      and a.xact_start < clock_timestamp() - ${olderThanMs}::float8 * interval '1 millisecond'
    order by a.xact_start`)
  return rows
}
