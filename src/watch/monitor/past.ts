// What was kept of a statement, by the server's name of it: how it did, hour by hour, and what it waited for.
// Where nothing is kept (no daemon watches, or this role may not read it), pg_stat_statements says what it came to so far; where
// that is not there either, the answer says so.

import { messageOf } from '../../base/errors.ts'
import { sql } from '../../sql/sql.ts'
import type { Ask } from '../../db/own-questions.ts'

export interface PastCalls {
  /** The beginning of the hour; of pg_stat_statements, since when it counts. */
  readonly at: Date | null
  readonly calls: number
  readonly meanMs: number
  readonly rows: number
}

export interface StatementHistory {
  readonly from: 'watch_statement' | 'pg_stat_statements' | undefined
  readonly hours: readonly PastCalls[]
  readonly unavailable: string | undefined
}

export interface StatementWaits {
  /** Seconds of active sessions at it in the last hour, the most first; 'CPU': it waited for nothing. */
  readonly waits: readonly { readonly waitType: string; readonly wait: string; readonly seconds: number }[]
  readonly unavailable: string | undefined
}

type CanRead = (table: string) => Promise<boolean>

/** The last 24 hours. */
export async function readHistory(ask: Ask, canRead: CanRead, queryid: string): Promise<StatementHistory> {
  try {
    if (await canRead('watch_statement')) {
      const hours = await ask<PastCalls>(sql`
        select date_trunc('hour', at) as at, sum(calls)::float8 as calls,
          sum(exec_ms) / nullif(sum(calls), 0)::float8 as "meanMs", sum(rows)::float8 as rows
        from pgstrata.watch_statement
        where queryid = ${queryid}::bigint and at > now() - interval '24 hours'
        group by 1
        order by 1`)
      if (hours.length > 0) return { from: 'watch_statement', hours, unavailable: undefined }
    }
    return await readTotals(ask, queryid)
  } catch (error) {
    return { from: undefined, hours: [], unavailable: messageOf(error) }
  }
}

async function readTotals(ask: Ask, queryid: string): Promise<StatementHistory> {
  const [place] = await ask<{ readonly schema: string }>(sql`
    select n.nspname::text as schema
    from pg_extension e
      join pg_namespace n on n.oid = e.extnamespace
    where e.extname = 'pg_stat_statements'`)
  if (place === undefined) {
    const unavailable = 'nothing is stored of it, and the extension pg_stat_statements is not in this database'
    return { from: undefined, hours: [], unavailable }
  }
  const statements = sql.ident(place.schema, 'pg_stat_statements')
  const info = sql.ident(place.schema, 'pg_stat_statements_info')
  const hours = await ask<PastCalls>(sql`
    select (select stats_reset from ${info}) as at, sum(calls)::float8 as calls,
      sum(total_exec_time) / nullif(sum(calls), 0)::float8 as "meanMs", sum(rows)::float8 as rows
    from ${statements}(false)
    where queryid = ${queryid}::bigint
      and dbid = (select oid from pg_database where datname = current_database())
    having count(*) > 0`)
  const unavailable = hours.length > 0 ? undefined : 'the server has not counted it, or no longer'
  return { from: hours.length > 0 ? 'pg_stat_statements' : undefined, hours, unavailable }
}

export async function readWaits(ask: Ask, canRead: CanRead, queryid: string): Promise<StatementWaits> {
  try {
    if (!(await canRead('watch_session'))) {
      return { waits: [], unavailable: 'no daemon samples active sessions here (`watch` in the configuration)' }
    }
    const waits = await ask<StatementWaits['waits'][number]>(sql`
      select wait_type as "waitType", wait, sum(samples)::float8 as seconds
      from pgstrata.watch_session
      where queryid = ${queryid}::bigint and at > now() - interval '1 hour'
      group by wait_type, wait
      order by 3 desc
      limit 20`)
    return { waits, unavailable: waits.length > 0 ? undefined : 'no sample of the last hour met it' }
  } catch (error) {
    return { waits: [], unavailable: messageOf(error) }
  }
}
