// The record of migrations, pgstrata.migration: SQL in, rows out.

import { lockClass, lockObject } from '../catalog/install.ts'
import type { Queryable } from '../db/db.ts'
import type { Look } from '../plan/index.ts'
import { quoteLiteral } from '../sql/quote.ts'
import { sql } from '../sql/sql.ts'

export interface MigrationRecord {
  readonly name: string
  readonly checksum: string
  readonly content: string
  readonly direction: 'up' | 'down'
  readonly state: 'running' | 'done'
  readonly statementsDone: number
  readonly inFlight: Look | undefined
  readonly startedAt: string
  readonly finishedAt: string | null
  readonly durationMs: number | null
  readonly runBy: string
}

/** All records in the order they were applied; none where our schema is not installed. */
export async function readRecords(on: Queryable): Promise<readonly MigrationRecord[]> {
  const present = await on.query(sql`select where to_regclass('pgstrata.migration') is not null`)
  if (present.rows.length === 0) return []
  const { rows } = await on.query<Omit<MigrationRecord, 'inFlight'> & { inFlight: Look | null }>(sql`
    select name, checksum, content, direction, state,
      statements_done as "statementsDone",
      in_flight as "inFlight",
      to_char(started_at at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') as "startedAt",
      to_char(finished_at at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') as "finishedAt",
      (extract(epoch from finished_at - started_at) * 1000)::float8 as "durationMs",
      run_by as "runBy"
    from pgstrata.migration
    order by sequence`)
  return rows.flatMap((row) => settle({ ...row, inFlight: row.inFlight ?? undefined }))
}

/** A run that failed before anything took effect changed nothing: what was to go up is pending, what was to go down stands. */
function settle(record: MigrationRecord): MigrationRecord[] {
  if (record.state === 'done' || record.statementsDone > 0 || record.inFlight !== undefined) return [record]
  return record.direction === 'up' ? [] : [{ ...record, direction: 'up', state: 'done' }]
}

interface RecordKey {
  readonly name: string
  readonly checksum: string
  readonly content: string
  readonly direction: 'up' | 'down'
}

/** As one statement without parameters, so that it can travel with `commit` in one message. */
export function progressStatement(key: RecordKey, done: number, finished: boolean): string {
  if (finished && key.direction === 'down')
    return `delete from pgstrata.migration where name = ${quoteLiteral(key.name)}`
  const finishedAt = finished ? 'clock_timestamp()' : 'null'
  return `insert into pgstrata.migration (name, checksum, content, direction, state, statements_done, started_at, finished_at)
values (${[key.name, key.checksum, key.content, key.direction, finished ? 'done' : 'running'].map(quoteLiteral).join(', ')}, ${done}, now(), ${finishedAt})
on conflict (name) do update
set (checksum, content, direction, state, statements_done, in_flight, finished_at)
  = (excluded.checksum, excluded.content, excluded.direction, excluded.state, excluded.statements_done, null, excluded.finished_at)`
}

export function intentStatement(key: RecordKey, done: number, before: Look): string {
  return `insert into pgstrata.migration (name, checksum, content, direction, statements_done, in_flight)
values (${[key.name, key.checksum, key.content, key.direction].map(quoteLiteral).join(', ')}, ${done}, ${quoteLiteral(JSON.stringify(before))})
on conflict (name) do update
set (checksum, content, direction, state, statements_done, in_flight, finished_at)
  = (excluded.checksum, excluded.content, excluded.direction, 'running', excluded.statements_done, excluded.in_flight, null)`
}

/**
 * Before a note of progress, in its transaction: what a migration did without the lock, which it released itself, is not
 * committed, for another runner may be doing the same. 0.3 ms.
 */
export const requireLock: string = `do $pgstrata$ begin
if not exists (
  select from pg_catalog.pg_locks
  where locktype = 'advisory'
    and pid = pg_catalog.pg_backend_pid()
    and (classid, objid, objsubid) = (${lockClass}, ${lockObject.migrate}, 2)
    and granted
) then
  raise exception 'The lock that keeps two runners apart was released by the migration'
  using errcode = 'object_not_in_prerequisite_state', hint = 'Leave pg_advisory_unlock_all() out, or release locks one by one.';
end if;
end $pgstrata$`

/** An edit that was meant: the record takes the file's checksum and text. */
export async function acceptEdit(
  on: Queryable,
  key: { name: string; checksum: string; content: string },
): Promise<void> {
  await on.query(sql`
    update pgstrata.migration
    set checksum = ${key.checksum}, content = ${key.content}
    where name = ${key.name}`)
}

/** A statement in flight that only a person can judge: it took effect, or it is to be run again. False: there is none. */
export async function settleInFlight(on: Queryable, name: string, verdict: 'done' | 'again'): Promise<boolean> {
  const { rowCount } = await on.query(sql`
    update pgstrata.migration
    set statements_done = statements_done + ${verdict === 'done' ? 1 : 0}::int4, in_flight = null
    where name = ${name}
      and state = 'running'
      and in_flight is not null`)
  return rowCount === 1
}
