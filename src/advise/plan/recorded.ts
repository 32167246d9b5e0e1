// The text of a statement that pg_stat_statements knows by its queryid: without its values, so it is planned for any.

import { StrataError } from '../../base/errors.ts'
import type { Session } from '../../db/db.ts'
import { sql } from '../../sql/sql.ts'

export async function readRecorded(session: Session, queryId: string): Promise<string> {
  const { rows: installed } = await session.query<{ schema: string }>(sql`
    select n.nspname::text as schema
    from pg_extension e
    join pg_namespace n on n.oid = e.extnamespace
    where e.extname = 'pg_stat_statements'`)
  const [extension] = installed
  if (extension === undefined) {
    throw new StrataError('EXPLAIN_REFUSED', {
      message: 'Statements are known by queryid only to pg_stat_statements, which is not installed in this database',
      advice:
        'Add it to shared_preload_libraries, restart the server, and run: create extension pg_stat_statements. Or give the statement as a file.',
    })
  }
  const { rows } = await session.query<{ text: string | null; hidden: boolean }>(sql`
    select s.query as text, s.query = '<insufficient privilege>' as hidden
    from ${sql.ident(extension.schema, 'pg_stat_statements')}(true) s
    where s.queryid = ${queryId}::int8 and s.dbid = (select oid from pg_database where datname = current_database())
    order by s.query is null, s.query = '<insufficient privilege>', s.calls desc
    limit 1`)
  const [found] = rows
  if (found?.text === undefined || found.text === null) {
    throw new StrataError('EXPLAIN_REFUSED', {
      message: `pg_stat_statements knows no statement ${queryId} of this database`,
      advice: 'It may have been evicted, or be of another database; `pgstrata top` shows those that are there.',
    })
  }
  if (found.hidden) {
    throw new StrataError('DATABASE_PRIVILEGE', {
      message: `This role may not see the text of statement ${queryId}`,
      advice: 'Grant pg_monitor, or pg_read_all_stats, to the role.',
    })
  }
  return found.text
}
