// Whether pg_stat_statements throws statements out to make place for others.

import { onlyRow } from '../../db/db.ts'
import { sql } from '../../sql/sql.ts'
import type { Check } from '../model.ts'
import { defineCheck, gravityOf } from './tools/define.ts'
import { statementsSchema, withoutStatements } from './tools/statements.ts'

export const statementsEvicted: Check = defineCheck({
  name: 'statements-evicted',
  category: 'queries',
  of: 'each',
  question: 'Does pg_stat_statements have place for all statements?',
  why: 'What is thrown out is counted from nothing when it comes again, so its figures are too low; throwing out costs time, too.',
  threshold: 'warn where it happens at least once an hour',
  mends: 'doubles pg_stat_statements.max (a restart)',
  limits: { warn: 1, critical: Infinity, least: 0 },
  unavailable: withoutStatements,
  find: async ({ on, limits }) => {
    const schema = await statementsSchema(on)
    if (schema === undefined) return { notKnown: 'because pg_stat_statements is gone' }
    const row = onlyRow(
      await on.query<{ evictions: number; hours: number; most: number; since: string }>(sql`
        select dealloc::float8 as evictions, stats_reset::text as since,
          greatest(extract(epoch from clock_timestamp() - stats_reset) / 3600, 1)::float8 as hours,
          current_setting('pg_stat_statements.max')::float8 as most
        from ${schema}.pg_stat_statements_info`),
    )
    const evictionsPerHour = row.evictions / row.hours
    const gravity = row.evictions === 0 ? undefined : gravityOf(evictionsPerHour, limits)
    if (gravity === undefined) return []
    return [
      {
        gravity,
        subject: 'pg_stat_statements.max',
        what: `pg_stat_statements has thrown statements out ${row.evictions} times`,
        evidence: { evictions: row.evictions, evictionsPerHour, places: row.most, since: row.since },
        fix: [`alter system set pg_stat_statements.max = ${row.most * 2}`],
        undo: ['alter system reset pg_stat_statements.max'],
        advice:
          'Restart afterwards. Often it is a list of values (in (…)) or of names that makes each statement a new one.',
      },
    ]
  },
})
