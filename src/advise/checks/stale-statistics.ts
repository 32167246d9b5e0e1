// Tables of which so much has changed since they were analysed that autovacuum should have come, settings of the table counted.

import { quoteQualified } from '../../sql/quote.ts'
import { sql } from '../../sql/sql.ts'
import type { Check } from '../model.ts'
import { defineCheck, findEach, gravityOf } from './tools/define.ts'
import { settingOf, showName, usersOwn } from './tools/relations.ts'

interface Stale {
  readonly schema: string
  readonly table: string
  readonly changedRows: number
  readonly triggerRows: number
  readonly timesTrigger: number
  readonly analyzedAt: string
}

export const staleStatistics: Check = defineCheck({
  name: 'stale-statistics',
  category: 'statistics',
  question: 'Does the planner know what is in the tables?',
  why: 'It plans for the rows that were there at the last ANALYZE.',
  threshold:
    'warn from once, critical from ten times the changes at which autovacuum analyses, when the last ANALYZE is 3 hours old',
  mends: 'analyses the table',
  limits: { warn: 1, critical: 10, least: 10_800 },
  find: ({ on, limits }) =>
    findEach<Stale>(
      on,
      sql`
        with changed as (
          select n.nspname::text as schema, c.relname::text as "table", s.n_mod_since_analyze::float8 as "changedRows",
            greatest(s.last_analyze, s.last_autoanalyze) as at,
            ${settingOf('autovacuum_analyze_threshold')}
              + ${settingOf('autovacuum_analyze_scale_factor')} * greatest(c.reltuples, 0) as "triggerRows"
          from pg_stat_user_tables s
          join pg_class c on c.oid = s.relid
          join pg_namespace n on n.oid = c.relnamespace
          where ${usersOwn}
            and s.n_mod_since_analyze > 0
        )
        select schema, "table", "changedRows", "triggerRows", "changedRows" / greatest("triggerRows", 1) as "timesTrigger",
          at::text as "analyzedAt"
        from changed
        where "changedRows" / greatest("triggerRows", 1) >= ${limits.warn}::float8
          and at <= clock_timestamp() - make_interval(secs => ${limits.least}::float8)
        order by "timesTrigger" desc`,
      ({ schema, table, changedRows, triggerRows, timesTrigger, analyzedAt }) => ({
        gravity: gravityOf(timesTrigger, limits) ?? 'warn',
        subject: `table ${showName(schema, table)}`,
        what: `${changedRows.toLocaleString('en-US')} rows of ${showName(schema, table)} have changed since it was analysed`,
        evidence: { changedRows, triggerRows, timesTrigger, analyzedAt },
        fix: [`analyze ${quoteQualified(schema, table)}`],
      }),
    ),
})
