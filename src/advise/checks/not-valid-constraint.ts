// Constraints that hold for new rows, and were never checked for the old ones.

import { quoteIdent, quoteQualified } from '../../sql/quote.ts'
import { sql, type Sql } from '../../sql/sql.ts'
import type { Check } from '../model.ts'
import { defineCheck, findEach } from './tools/define.ts'
import { showName, usersOwn } from './tools/relations.ts'

interface Unchecked {
  readonly schema: string
  readonly table: string
  readonly constraint: string
  readonly kind: string
  readonly rows: number
}

export const notValidConstraint: Check = defineCheck({
  name: 'not-valid-constraint',
  category: 'schema',
  question: 'Is a constraint still not validated?',
  why: 'Old rows may break it, and the planner does not rely on it.',
  threshold: 'warn',
  mends: 'validates it, while reads and writes go on',
  find: ({ on, facts }) =>
    findEach<Unchecked>(
      on,
      sql`
        select n.nspname::text as schema, c.relname::text as "table", k.conname::text as constraint,
          case k.contype when 'f' then 'foreign key' when 'n' then 'not null' else 'check' end as kind,
          greatest(c.reltuples, 0)::float8 as rows
        from pg_constraint k
        join pg_class c on c.oid = k.conrelid
        join pg_namespace n on n.oid = c.relnamespace
        where ${usersOwn}
          and not k.convalidated
          and ${isEnforced(facts.major)}
          and k.conparentid = 0
          and k.coninhcount = 0
        order by c.reltuples desc, n.nspname, c.relname, k.conname`,
      ({ schema, table, constraint, kind, rows }) => ({
        gravity: 'warn',
        subject: `constraint ${showName(constraint)} of ${showName(schema, table)}`,
        what: `The ${kind} constraint ${showName(constraint)} of ${showName(schema, table)} was never checked for the rows that were there`,
        evidence: { kind, rows },
        fix: [`alter table ${quoteQualified(schema, table)} validate constraint ${quoteIdent(constraint)}`],
        advice: 'If a row breaks it, the statement fails and names it; correct those rows in batches first.',
      }),
    ),
})

/** From 18 on a constraint can be there without being enforced, which is meant. */
function isEnforced(major: number): Sql {
  return major < 18 ? sql`true` : sql`k.conenforced`
}
