// How many transactions end in vain.

import { onlyRow } from '../../db/db.ts'
import { sql } from '../../sql/sql.ts'
import type { Check } from '../model.ts'
import { defineCheck, gravityOf } from './tools/define.ts'
import { countedSince } from './tools/relations.ts'

export const rollbacks: Check = defineCheck({
  name: 'rollbacks',
  category: 'queries',
  question: 'Do many transactions end with a rollback?',
  why: 'Their work was done for nothing, and rows they wrote are left for vacuum; mostly it is an error that nobody looks at.',
  threshold: 'warn from 10 %, critical from 30 % of at least 1,000 transactions',
  mends: 'advice',
  limits: { warn: 0.1, critical: 0.3, least: 1_000 },
  find: async ({ on, limits }) => {
    const row = onlyRow(
      await on.query<{ committed: number; rolledBack: number; since: string | null }>(sql`
        select xact_commit::float8 as committed, xact_rollback::float8 as "rolledBack", ${countedSince} as since
        from pg_stat_database
        where datname = current_database()`),
    )
    const all = row.committed + row.rolledBack
    const rolledBackRatio = all === 0 ? 0 : row.rolledBack / all
    const gravity = all < limits.least ? undefined : gravityOf(rolledBackRatio, limits)
    if (gravity === undefined) return []
    return [
      {
        gravity,
        subject: 'transactions',
        what: `${Math.round(rolledBackRatio * 100)} % of transactions are rolled back`,
        evidence: { rolledBackRatio, rolledBack: row.rolledBack, committed: row.committed, since: row.since },
        advice: 'The log of the server says which errors end them (log_min_error_statement).',
      },
    ]
  },
})
