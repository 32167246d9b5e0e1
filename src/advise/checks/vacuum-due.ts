// Tables that autovacuum should have come to long ago: past twice the mark at which it begins, settings of the table counted.

import { quoteQualified } from '../../sql/quote.ts'
import { sql } from '../../sql/sql.ts'
import type { Check } from '../model.ts'
import { defineCheck, findEach, gravityOf } from './tools/define.ts'
import { settingOf, showName, usersOwn } from './tools/relations.ts'

interface Due {
  readonly schema: string
  readonly table: string
  readonly deadRows: number
  readonly triggerRows: number
  readonly timesTrigger: number
  readonly vacuumedAt: string | null
}

export const vacuumDue: Check = defineCheck({
  name: 'vacuum-due',
  category: 'vacuum',
  question: 'Is autovacuum behind?',
  why: 'It has too few workers or is held back (autovacuum_vacuum_cost_limit), and dead rows grow faster than they are cleared.',
  threshold: 'warn from twice, critical from ten times the dead rows at which autovacuum begins, over at least 10,000',
  mends: 'vacuums the table',
  limits: { warn: 2, critical: 10, least: 10_000 },
  find: ({ on, limits }) =>
    findEach<Due>(
      on,
      sql`
        with due as (
          select n.nspname::text as schema, c.relname::text as "table", s.n_dead_tup::float8 as "deadRows",
            greatest(s.last_vacuum, s.last_autovacuum)::text as "vacuumedAt",
            least(
              ${settingOf('autovacuum_vacuum_threshold')}
                + ${settingOf('autovacuum_vacuum_scale_factor')} * greatest(c.reltuples, 0),
              -- From 18 on the mark has an upper bound; -1: none.
              nullif(coalesce(current_setting('autovacuum_vacuum_max_threshold', true), '-1')::float8, -1)
            ) as "triggerRows"
          from pg_stat_user_tables s
          join pg_class c on c.oid = s.relid
          join pg_namespace n on n.oid = c.relnamespace
          where ${usersOwn}
            and s.n_dead_tup >= ${limits.least}::float8
        )
        select due.*, "deadRows" / greatest("triggerRows", 1) as "timesTrigger"
        from due
        where "deadRows" > 0
          and "deadRows" / greatest("triggerRows", 1) >= ${limits.warn}::float8
        order by "timesTrigger" desc`,
      ({ schema, table, deadRows, triggerRows, timesTrigger, vacuumedAt }) => ({
        gravity: gravityOf(timesTrigger, limits) ?? 'warn',
        subject: `table ${showName(schema, table)}`,
        what: `${showName(schema, table)} has ${timesTrigger.toFixed(1)} times the dead rows at which autovacuum begins`,
        evidence: { deadRows, triggerRows, timesTrigger, vacuumedAt },
        fix: [`vacuum (analyze) ${quoteQualified(schema, table)}`],
        advice: 'Give autovacuum more: autovacuum_max_workers, autovacuum_vacuum_cost_limit, and autovacuum_work_mem.',
      }),
    ),
})
