// Tables that the planner knows nothing of. Partitioned tables among them: autovacuum analyses partitions, never their parent.

import { quoteQualified } from '../../sql/quote.ts'
import { sql } from '../../sql/sql.ts'
import type { Check } from '../model.ts'
import { defineCheck, findEach } from './tools/define.ts'
import { ofLeaves, showName, usersOwn } from './tools/relations.ts'

interface Never {
  readonly schema: string
  readonly table: string
  readonly isPartitioned: boolean
  readonly liveRows: number
}

export const neverAnalysed: Check = defineCheck({
  name: 'never-analysed',
  category: 'statistics',
  question: 'Is there a table without statistics?',
  why: 'The planner guesses: ten distinct values to two hundred, a third of the rows to a range. Joins go wrong by orders of magnitude.',
  threshold: 'warn from 1,000 rows',
  mends: 'analyses the table',
  limits: { warn: 0, critical: Infinity, least: 1_000 },
  find: ({ on, limits }) =>
    findEach<Never>(
      on,
      sql`
        with counted as (
          select c.oid, n.nspname::text as schema, c.relname::text as "table", c.relkind = 'p' as "isPartitioned", c.reltuples,
            ${ofLeaves(sql`c`, 'pg_stat_get_live_tuples')} as "liveRows"
          from pg_class c
          join pg_namespace n on n.oid = c.relnamespace
          where ${usersOwn}
            and c.relkind in ('r', 'm', 'p')
            and (c.relkind <> 'p' or not c.relispartition)
        )
        select schema, "table", "isPartitioned", "liveRows"
        from counted
        where "liveRows" >= ${limits.least}::float8
          and (
            reltuples < 0
            -- Vacuum counts rows and leaves no statistics. Those of a table that the role may not read, or of which policies
            -- hide rows from it, are hidden as well: there nothing is claimed.
            or has_table_privilege(oid, 'select') and not row_security_active(oid) and not exists (
              select
              from pg_stats s
              where s.schemaname = schema
                and s.tablename = "table"
                and s.inherited = "isPartitioned"
            )
          )
        order by "liveRows" desc`,
      ({ schema, table, isPartitioned, liveRows }) => ({
        gravity: 'warn',
        subject: `table ${showName(schema, table)}`,
        what: `${showName(schema, table)} was never analysed`,
        evidence: { liveRows, isPartitioned },
        fix: [`analyze ${quoteQualified(schema, table)}`],
        ...(isPartitioned
          ? { advice: 'Autovacuum never does it for a partitioned table: have a job do it each night.' }
          : {}),
      }),
    ),
})
