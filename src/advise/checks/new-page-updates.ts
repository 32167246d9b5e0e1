// Updates whose page was full, so that the new row went to another one.

import { quoteQualified } from '../../sql/quote.ts'
import { sql } from '../../sql/sql.ts'
import type { Check } from '../model.ts'
import { defineCheck, findEach, gravityOf } from './tools/define.ts'
import { fillfactorColumns, fillfactorFix } from './tools/fillfactor.ts'
import { showName, usersOwn } from './tools/relations.ts'

interface Updated {
  readonly schema: string
  readonly table: string
  readonly updates: number
  readonly newPageRatio: number
  readonly fillfactor: number
  readonly own: boolean
}

export const newPageUpdates: Check = defineCheck({
  name: 'new-page-updates',
  category: 'updates',
  question: 'Do updates find no place in their page?',
  why: 'The new row goes to another page: every index is written into, and what was near in the table is not any more.',
  threshold: 'warn from 20 % of at least 10,000 updates, where the table has indexes',
  mends: 'leaves a tenth of each new page free (fillfactor)',
  limits: { warn: 0.2, critical: Infinity, least: 10_000 },
  unavailable: ({ major }) =>
    major < 16 ? 'not available because the server counts it from PostgreSQL 16 on' : undefined,
  find: ({ on, limits }) =>
    findEach<Updated>(
      on,
      sql`
        select n.nspname::text as schema, c.relname::text as "table", s.n_tup_upd::float8 as updates,
          s.n_tup_newpage_upd / s.n_tup_upd::float8 as "newPageRatio",
          ${fillfactorColumns}
        from pg_stat_user_tables s
        join pg_class c on c.oid = s.relid
        join pg_namespace n on n.oid = c.relnamespace
        where ${usersOwn}
          and c.relkind = 'r'
          and c.relhasindex
          and s.n_tup_upd >= greatest(${limits.least}::float8, 1)
          and s.n_tup_newpage_upd / s.n_tup_upd::float8 >= ${limits.warn}::float8
        order by s.n_tup_newpage_upd desc`,
      ({ schema, table, updates, newPageRatio, fillfactor, own }) => ({
        gravity: gravityOf(newPageRatio, limits) ?? 'warn',
        subject: `table ${showName(schema, table)}`,
        what: `${Math.round(newPageRatio * 100)} % of the updates of ${showName(schema, table)} went to another page`,
        evidence: { updates, newPageRatio, fillfactor },
        ...fillfactorFix({ place: quoteQualified(schema, table), fillfactor, own }),
        advice: 'It counts for pages written from then on.',
      }),
    ),
})
