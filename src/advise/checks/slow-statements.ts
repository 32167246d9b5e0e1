// Statements that are slow and run often, by the time they take altogether. Named by queryid alone: a text could hold values.

import { sql } from '../../sql/sql.ts'
import type { Check } from '../model.ts'
import { defineCheck, findEach, gravityOf } from './tools/define.ts'
import { explainCommand, statementsSchema, withoutStatements } from './tools/statements.ts'

interface Slow {
  readonly queryid: string
  readonly calls: number
  readonly meanMs: number
  readonly totalMs: number
  readonly shareRatio: number
  readonly hitRatio: number | null
  readonly tempBytes: number
}

export const slowStatements: Check = defineCheck({
  name: 'slow-statements',
  category: 'queries',
  of: 'each',
  question: 'Which statements are slow, and run often?',
  why: 'They are what people wait for, and what the server is busy with.',
  threshold: 'warn from a mean of 20 ms, critical from 500 ms, over at least 100 calls',
  mends: 'advice',
  limits: { warn: 20, critical: 500, least: 100 },
  unavailable: withoutStatements,
  find: async ({ on, limits }) => {
    const schema = await statementsSchema(on)
    if (schema === undefined) return { notKnown: 'because pg_stat_statements is gone' }
    return await findEach<Slow>(
      on,
      sql`
        with taken as (
          select s.queryid, sum(s.calls)::float8 as calls, sum(s.total_exec_time)::float8 as total,
            sum(s.shared_blks_hit)::float8 as hit, sum(s.shared_blks_read)::float8 as missed,
            sum(s.temp_blks_written)::float8 as temp
          from ${schema}.pg_stat_statements(false) s
          where s.dbid = (select oid from pg_database where datname = current_database())
            and s.queryid is not null
          group by s.queryid
        )
        select queryid::text as queryid, calls, total / calls as "meanMs", total as "totalMs",
          total / (select sum(total) from taken) as "shareRatio",
          hit / nullif(hit + missed, 0) as "hitRatio",
          temp * current_setting('block_size')::float8 as "tempBytes"
        from taken
        where calls >= ${limits.least}::float8
          and total / calls >= ${limits.warn}::float8
        order by total desc`,
      ({ queryid, ...row }) => ({
        gravity: gravityOf(row.meanMs, limits) ?? 'warn',
        subject: `statement ${queryid}`,
        what: `Statement ${queryid} takes ${Math.round(row.meanMs)} ms on average, over ${row.calls} calls: ${Math.round(row.shareRatio * 100)} % of all time`,
        evidence: { queryid, ...row },
        advice: `${explainCommand(queryid)} shows its plan, and what would make it faster.`,
      }),
    )
  },
})
