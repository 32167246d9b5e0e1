// Tables in which much is dead: what updates and deletes leave until vacuum clears it.

import { quoteQualified } from '../../sql/quote.ts'
import { sql } from '../../sql/sql.ts'
import type { Check } from '../model.ts'
import { defineCheck, findEach, gravityOf } from './tools/define.ts'
import { showName, usersOwn } from './tools/relations.ts'

interface Dead {
  readonly schema: string
  readonly table: string
  readonly deadRows: number
  readonly liveRows: number
  readonly deadRatio: number
  readonly vacuumedAt: string | null
}

export const deadRows: Check = defineCheck({
  name: 'dead-rows',
  category: 'vacuum',
  question: 'Is much of a table dead?',
  why: 'Every scan reads what is dead as well, and new rows make the table longer instead of taking its place.',
  threshold: 'warn from 20 %, critical from 50 % of at least 10,000 dead rows',
  mends: 'vacuums the table',
  limits: { warn: 0.2, critical: 0.5, least: 10_000 },
  find: ({ on, limits }) =>
    findEach<Dead>(
      on,
      sql`
        select n.nspname::text as schema, c.relname::text as "table", s.n_dead_tup::float8 as "deadRows",
          s.n_live_tup::float8 as "liveRows", s.n_dead_tup / (s.n_dead_tup + s.n_live_tup)::float8 as "deadRatio",
          greatest(s.last_vacuum, s.last_autovacuum)::text as "vacuumedAt"
        from pg_stat_user_tables s
        join pg_class c on c.oid = s.relid
        join pg_namespace n on n.oid = c.relnamespace
        where ${usersOwn}
          and s.n_dead_tup >= greatest(${limits.least}::float8, 1)
          and s.n_dead_tup / (s.n_dead_tup + s.n_live_tup)::float8 >= ${limits.warn}::float8
        order by s.n_dead_tup desc`,
      ({ schema, table, deadRows, liveRows, deadRatio, vacuumedAt }) => ({
        gravity: gravityOf(deadRatio, limits) ?? 'warn',
        subject: `table ${showName(schema, table)}`,
        what: `${Math.round(deadRatio * 100)} % of the rows of ${showName(schema, table)} are dead`,
        evidence: { deadRows, liveRows, deadRatio, vacuumedAt },
        fix: [`vacuum (analyze) ${quoteQualified(schema, table)}`],
        advice:
          'If they stay, something holds them (xmin-horizon); if they come back, lower autovacuum_vacuum_scale_factor of the table.',
      }),
    ),
})
