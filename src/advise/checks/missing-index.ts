// Tables that are read from end to end again and again. Which index would help, the statements that do so tell.

import { sql } from '../../sql/sql.ts'
import type { Check } from '../model.ts'
import { defineCheck, findEach } from './tools/define.ts'
import { countedSince, showName, usersOwn } from './tools/relations.ts'

interface Scanned {
  readonly schema: string
  readonly table: string
  readonly scans: number
  readonly rowsPerScan: number
  readonly rowsRead: number
  readonly readRatio: number
  readonly sizeBytes: number
  readonly since: string | null
}

export const missingIndex: Check = defineCheck({
  name: 'missing-index',
  category: 'indexes',
  question: 'Is a large table read from end to end again and again?',
  why: 'Each time costs as much as the table is long, takes the place of others in memory, and gets slower with every row.',
  threshold:
    'warn from 10,000 rows a time, 50 times, where that is a tenth of all rows read; critical where it is half',
  mends: 'advice',
  limits: { warn: 0.1, critical: 0.5, least: 10_000 },
  find: ({ on, limits }) =>
    findEach<Scanned>(
      on,
      sql`
        with read as (
          select n.nspname::text as schema, c.relname::text as "table", s.seq_scan::float8 as scans,
            s.seq_tup_read::float8 as "rowsRead", s.seq_tup_read / nullif(s.seq_scan, 0)::float8 as "rowsPerScan",
            s.seq_tup_read / nullif((sum(s.seq_tup_read) over () + sum(coalesce(s.idx_tup_fetch, 0)) over ())::float8, 0) as "readRatio",
            c.oid
          from pg_stat_user_tables s
          join pg_class c on c.oid = s.relid
          join pg_namespace n on n.oid = c.relnamespace
          where ${usersOwn}
        )
        select schema, "table", scans, "rowsRead", "rowsPerScan", "readRatio", pg_relation_size(oid)::float8 as "sizeBytes",
          ${countedSince} as since
        from read
        where scans >= ${fewScans}
          and "rowsPerScan" >= ${limits.least}::float8
          and "readRatio" >= ${limits.warn}::float8
        order by "rowsRead" desc`,
      ({ schema, table, ...row }) => ({
        gravity: row.readRatio >= limits.critical ? 'critical' : 'warn',
        subject: `table ${showName(schema, table)}`,
        what: `${showName(schema, table)} was read from end to end ${row.scans.toLocaleString('en-US')} times, ${Math.round(row.rowsPerScan).toLocaleString('en-US')} rows each time`,
        evidence: { ...row },
        advice:
          'pgstrata explain <queryid> of a statement that reads it says which index would serve it. A report that needs every row is better off with a rollup.',
      }),
    ),
})

/** Fewer may have been one report, or its own backup. */
const fewScans = 50
