// Every hour: sessions that sit idle in a transaction are ended where a limit was declared, and told of where none was; what
// changed of roles and settings since the last time is told; login roles past their date too; and what expired rows (nonces,
// tokens, sessions: declared as `expire` of their tables) the hour took away.
//
// What it gives back, in `details`: `ended`, `idle` (sessions: role, application, for how long), `roles` and `settings` (as they
// are now), `changes` (since the last run), `expired` (rows by table). Changes are warnings besides. The first run has nothing
// to compare with, and says so. Never a password, nor the text of anybody's statement.

import { formatDuration, plural } from '../../base/units.ts'
import type { Db, Queryable } from '../../db/db.ts'
import type { Job, JobContext, JobOutcome } from '../../db/job.ts'
import { sql } from '../../sql/sql.ts'
import { sqlstate, sqlstateOf } from '../../sql/sqlstate.ts'

const hourMs = 3_600_000
/** What is told of where no limit was declared. */
const toldAfterMs = 300_000
const mostSessions = 100
const mostRoles = 5_000

export function securityJob({ endIdleMs }: { readonly endIdleMs: number | undefined }): Job {
  return {
    name: 'security',
    purpose:
      'ends sessions that sit idle in a transaction over their limit, and looks what changed of roles and settings',
    schedule: { everyMs: hourMs },
    timeoutMs: 10 * 60_000,
    overlap: 'skip',
    run: (context) => secure(endIdleMs, context),
  }
}

async function secure(endIdleMs: number | undefined, { db }: JobContext): Promise<JobOutcome> {
  const idle = await readIdle(db, endIdleMs ?? toldAfterMs)
  const { ended, refused } = endIdleMs === undefined ? { ended: [], refused: 0 } : await end(db, idle)
  const now: Audited = { roles: await readRoles(db), settings: await readSettings(db) }
  const before = await readBefore(db)
  const changes =
    before === undefined
      ? []
      : [...compare('role', before.roles, now.roles), ...compare('setting', before.settings, now.settings)]
  const expired = await readExpired(db)
  const past = await readPastDate(db)
  const rows = expired.reduce((sum, one) => sum + one.rows, 0)
  const did = [
    ...(ended.length === 0 ? [] : [`${plural(ended.length, 'idle session')} ended`]),
    ...(changes.length === 0 ? [] : [`${plural(changes.length, 'change')} of roles and settings`]),
    ...(rows === 0 ? [] : [`${plural(rows, 'expired row')} deleted in the last hour`]),
  ]
  return {
    did: did.join(', '),
    details: {
      ended,
      idle: endIdleMs === undefined ? idle : [],
      ...now,
      changes,
      isFirst: before === undefined,
      expired,
    },
    warnings: [
      ...changes,
      ...past.map((role) => `role ${role} may log in and its password's date is past`),
      ...(refused === 0
        ? []
        : [`${plural(refused, 'idle session')} could not be ended: the role is no member of pg_signal_backend`]),
      ...(endIdleMs === undefined
        ? idle.map(
            (one) =>
              `a session of ${one.role} (${one.application}) is idle in a transaction for ${formatDuration(one.idleMs)}`,
          )
        : []),
    ],
  }
}

interface IdleSession {
  readonly pid: number
  readonly role: string
  readonly application: string
  readonly idleMs: number
}

/** Not our own: those are ended by their runs. */
async function readIdle(on: Queryable, overMs: number): Promise<readonly IdleSession[]> {
  const { rows } = await on.query<IdleSession>(sql`
    select pid, coalesce(usename::text, '') as role, coalesce(application_name, '') as application,
      (extract(epoch from clock_timestamp() - state_change) * 1000)::float8 as "idleMs"
    from pg_stat_activity
    where datname = current_database()
      and state in ('idle in transaction', 'idle in transaction (aborted)')
      and state_change < clock_timestamp() - ${overMs} * interval '1 ms'
      and application_name !~ '^pgstrata '
    order by state_change
    limit ${mostSessions}`)
  return rows
}

/** It is still the same session, and still idle, or it is let be: what is in the list of SELECT is done for what passed alone. */
async function end(db: Db, idle: readonly IdleSession[]): Promise<{ ended: readonly IdleSession[]; refused: number }> {
  const ended: IdleSession[] = []
  let refused = 0
  for (const session of idle) {
    try {
      const { rows } = await db.query<{ ended: boolean }>(sql`
        select pg_terminate_backend(pid) as ended
        from pg_stat_activity
        where pid = ${session.pid}
          and datname = current_database()
          and state like 'idle in transaction%'
          and state_change <= clock_timestamp() - ${session.idleMs} * interval '1 ms'`)
      if (rows[0]?.ended === true) ended.push(session)
    } catch (error) {
      if (sqlstateOf(error) !== sqlstate.insufficientPrivilege) throw error
      refused++
    }
  }
  return { ended, refused }
}

type Listed = Readonly<Record<string, string>>

interface Audited {
  readonly roles: Listed
  readonly settings: Listed
}

/** What each role may beyond the ordinary, and whose member it is. Those that come with the server are left out. */
async function readRoles(on: Queryable): Promise<Listed> {
  const { rows } = await on.query<{ name: string; may: string }>(sql`
    select r.rolname::text as name, concat_ws(', ',
        case when rolsuper then 'superuser' end,
        case when rolcanlogin then 'login' end,
        case when rolcreaterole then 'createrole' end,
        case when rolcreatedb then 'createdb' end,
        case when rolreplication then 'replication' end,
        case when rolbypassrls then 'bypassrls' end,
        nullif('member of ' || (
          select string_agg(distinct quote_ident(g.rolname), ' and ' order by quote_ident(g.rolname))
          from pg_auth_members m
          join pg_roles g on g.oid = m.roleid
          where m.member = r.oid
        ), '')
      ) as may
    from pg_roles r
    where r.rolname !~ '^pg_'
    order by r.rolname
    limit ${mostRoles}`)
  return Object.fromEntries(rows.map(({ name, may }) => [name, may]))
}

/** Those that decide who gets in and what is kept; what this role may not see is left out. */
async function readSettings(on: Queryable): Promise<Listed> {
  const { rows } = await on.query<{ name: string; setting: string }>(sql`
    select name, setting
    from pg_settings
    where name in ('ssl', 'ssl_min_protocol_version', 'password_encryption', 'listen_addresses', 'hba_file', 'row_security',
      'log_connections', 'log_statement', 'log_min_duration_statement', 'log_parameter_max_length', 'fsync',
      'full_page_writes', 'session_preload_libraries', 'shared_preload_libraries', 'local_preload_libraries',
      'max_connections', 'idle_in_transaction_session_timeout', 'archive_mode', 'wal_level')
    order by name`)
  return Object.fromEntries(rows.map(({ name, setting }) => [name, setting]))
}

async function readBefore(on: Queryable): Promise<Audited | undefined> {
  const { rows } = await on.query<{ roles: Listed | null; settings: Listed | null }>(sql`
    select details -> 'roles' as roles, details -> 'settings' as settings
    from pgstrata.job_run
    where job = 'security'
      and state = 'done'
    order by id desc
    limit 1`)
  const [row] = rows
  return row?.roles == null || row.settings == null ? undefined : { roles: row.roles, settings: row.settings }
}

function compare(what: string, before: Listed, now: Listed): readonly string[] {
  const names = [...new Set([...Object.keys(before), ...Object.keys(now)])].toSorted()
  return names.flatMap((name) => {
    const [was, is] = [before[name], now[name]]
    if (was === is) return []
    if (was === undefined) return [`${what} ${name} is new: ${is || 'nothing beyond the ordinary'}`]
    if (is === undefined) return [`${what} ${name} is gone; it was ${was || 'nothing beyond the ordinary'}`]
    return [`${what} ${name} was ${was || 'nothing beyond the ordinary'} and is ${is || 'nothing beyond the ordinary'}`]
  })
}

async function readPastDate(on: Queryable): Promise<readonly string[]> {
  const { rows } = await on.query<{ name: string }>(sql`
    select rolname::text as name
    from pg_roles
    where rolcanlogin
      and rolvaliduntil < now()
    order by rolname
    limit ${mostRoles}`)
  return rows.map(({ name }) => name)
}

async function readExpired(on: Queryable): Promise<readonly { readonly table: string; readonly rows: number }[]> {
  const { rows } = await on.query<{ table: string; rows: number }>(sql`
    select substr(job, 9) as "table", sum((details ->> 'rows')::float8) as rows
    from pgstrata.job_run
    where job like 'cleanup:%'
      and state = 'done'
      and started_at > clock_timestamp() - interval '1 hour'
    group by job
    order by job`)
  return rows
}
