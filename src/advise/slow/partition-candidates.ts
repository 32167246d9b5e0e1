// Step 8: large tables that only grow, in the order of a time: what is read of them is mostly new, and what is old could be
// dropped by partition. It is seldom why something is slow today, and often why it is slower than last year.

import { sql } from '../../sql/sql.ts'
import { leavesOf, showName, usersOwn } from '../checks/tools/relations.ts'
import { clear, suspect, type SlowStep } from './step.ts'

interface Candidate {
  readonly schema: string
  readonly table: string
  readonly column: string
  readonly sizeBytes: number
  readonly rows: number
  readonly insertedRatio: number
  readonly correlation: number
  readonly candidates: number
}

/** Of all rows written, so many were inserted. */
const appendRatio = 0.9
const orderedCorrelation = 0.9

export const partitionCandidates: SlowStep = {
  name: 'partition-candidates',
  question: 'Would large tables be better off partitioned?',
  look: async ({ ask, limitsOf }) => {
    const { warn, critical } = limitsOf('partition-candidates', {
      warn: 10_737_418_240,
      critical: 107_374_182_400,
      least: 0,
    })
    const [first] = await ask<Candidate>(sql`
      with large as (
        select c.oid, n.nspname::text as schema, c.relname::text as "table", c.reltuples::float8 as rows,
          (select coalesce(sum(pg_table_size(p.relid)), 0) from ${leavesOf(sql`c`)} p)::float8 as "sizeBytes",
          s.n_tup_ins / nullif(s.n_tup_ins + s.n_tup_upd + s.n_tup_del, 0)::float8 as "insertedRatio"
        from pg_class c
        join pg_namespace n on n.oid = c.relnamespace
        join pg_stat_user_tables s on s.relid = c.oid
        where ${usersOwn}
          and c.relkind = 'r'
          and not c.relispartition
          and c.relpages > 0
      ), timed as (
        select distinct on (l.oid) l.schema, l."table", l.rows, l."sizeBytes", l."insertedRatio", a.attname::text as "column",
          abs(t.correlation)::float8 as correlation
        from large l
        join pg_attribute a on a.attrelid = l.oid and a.attnum > 0 and not a.attisdropped
        join pg_stats t on t.schemaname = l.schema and t.tablename = l."table" and t.attname = a.attname and not t.inherited
        where a.atttypid in ('timestamptz'::regtype, 'timestamp'::regtype, 'date'::regtype)
          and l."sizeBytes" >= ${warn}::float8
          and l."insertedRatio" >= ${appendRatio}
          and abs(t.correlation) >= ${orderedCorrelation}
        order by l.oid, a.attnotnull desc, abs(t.correlation) desc
      )
      select timed.*, (count(*) over ())::float8 as candidates
      from timed
      order by "sizeBytes" desc
      limit 1`)
    if (first === undefined) return clear('No large table only grows in the order of a time')
    const { schema, table, column, ...evidence } = first
    return suspect({
      suspicion: first.sizeBytes >= critical ? 0.45 : 0.3,
      found: `${showName(schema, table)} only grows, in the order of ${showName(column)}`,
      evidence: { table: showName(schema, table), column, ...evidence },
      next: [
        `Declare it under tables with time: '${column}' and partition: 'month', then pgstrata convert turns it while it is used.`,
      ],
    })
  },
}
