// Tables of some size that were never vacuumed since the server counts.

import { quoteQualified } from '../../sql/quote.ts'
import { sql } from '../../sql/sql.ts'
import type { Check } from '../model.ts'
import { defineCheck, findEach } from './tools/define.ts'
import { countedSince, showName, usersOwn } from './tools/relations.ts'

interface Never {
  readonly schema: string
  readonly table: string
  readonly liveRows: number
  readonly sizeBytes: number
  readonly since: string | null
}

export const neverVacuumed: Check = defineCheck({
  name: 'never-vacuumed',
  category: 'vacuum',
  question: 'Was a table never vacuumed?',
  why: 'Without a visibility map index-only scans look into the table all the same, and the first freezing will be of all rows at once.',
  threshold: 'note from 10,000 rows',
  mends: 'vacuums the table',
  limits: { warn: 0, critical: Infinity, least: 10_000 },
  find: ({ on, limits }) =>
    findEach<Never>(
      on,
      sql`
        select n.nspname::text as schema, c.relname::text as "table", s.n_live_tup::float8 as "liveRows",
          pg_relation_size(c.oid)::float8 as "sizeBytes", ${countedSince} as since
        from pg_stat_user_tables s
        join pg_class c on c.oid = s.relid
        join pg_namespace n on n.oid = c.relnamespace
        where ${usersOwn}
          and c.relkind in ('r', 'm')
          and s.vacuum_count + s.autovacuum_count = 0
          -- A vacuum before the counters were reset has left its mark.
          and c.relallvisible = 0
          and s.n_live_tup >= ${limits.least}::float8
        order by s.n_live_tup desc`,
      ({ schema, table, liveRows, sizeBytes, since }) => ({
        gravity: 'note',
        subject: `table ${showName(schema, table)}`,
        what: `${showName(schema, table)} was never vacuumed`,
        evidence: { liveRows, sizeBytes, since },
        fix: [`vacuum (analyze) ${quoteQualified(schema, table)}`],
      }),
    ),
})
