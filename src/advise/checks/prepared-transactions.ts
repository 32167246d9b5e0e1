// Transactions that were prepared for a commit in two phases, and left.

import { quoteLiteral } from '../../sql/quote.ts'
import { sql } from '../../sql/sql.ts'
import type { Check } from '../model.ts'
import { defineCheck, findEach, gravityOf } from './tools/define.ts'

interface Prepared {
  readonly gid: string
  readonly owner: string
  readonly database: string
  readonly seconds: number
}

export const preparedTransactions: Check = defineCheck({
  name: 'prepared-transactions',
  category: 'storage',
  question: 'Has a prepared transaction been left?',
  why: 'It keeps its locks and holds back vacuum, also over a restart, until somebody ends it.',
  threshold: 'warn from 1 hour, critical from 24 hours',
  mends: 'rolls it back',
  limits: { warn: 3_600, critical: 86_400, least: 0 },
  find: ({ on, limits }) =>
    findEach<Prepared>(
      on,
      sql`
        select gid, owner::text as owner, database::text as database,
          extract(epoch from clock_timestamp() - prepared)::float8 as seconds
        from pg_prepared_xacts
        where extract(epoch from clock_timestamp() - prepared) >= ${limits.warn}::float8
        order by prepared`,
      ({ gid, owner, database, seconds }) => ({
        gravity: gravityOf(seconds, limits) ?? 'warn',
        subject: `prepared transaction ${gid}`,
        what: `A transaction of ${owner} has been prepared for ${Math.round(seconds / 60)} min`,
        evidence: { owner, database, seconds },
        fix: [`rollback prepared ${quoteLiteral(gid)}`],
        advice: `Ask its coordinator first: if the other side committed, it must be committed here too. It is ended in database ${database}.`,
      }),
    ),
})
