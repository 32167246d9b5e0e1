// Updates that have to write into every index, because the page had no place left or an indexed column changed.

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
  readonly hotRatio: number
  readonly indexes: number
  readonly fillfactor: number
  readonly own: boolean
}

export const hotUpdates: Check = defineCheck({
  name: 'hot-updates',
  category: 'updates',
  question: 'Do updates have to write into every index?',
  why: 'An update that stays in its page and changes no indexed column (HOT) touches no index and needs no vacuum.',
  threshold: 'warn where 50 % or more are not HOT, of at least 10,000 updates, on tables with indexes',
  mends: 'leaves a tenth of each new page free (fillfactor)',
  limits: { warn: 0.5, critical: Infinity, least: 10_000 },
  find: ({ on, limits }) =>
    findEach<Updated>(
      on,
      sql`
        select n.nspname::text as schema, c.relname::text as "table", s.n_tup_upd::float8 as updates,
          s.n_tup_hot_upd / s.n_tup_upd::float8 as "hotRatio",
          (select count(*) from pg_index i where i.indrelid = c.oid)::float8 as indexes,
          ${fillfactorColumns}
        from pg_stat_user_tables s
        join pg_class c on c.oid = s.relid
        join pg_namespace n on n.oid = c.relnamespace
        where ${usersOwn}
          and c.relkind = 'r'
          and c.relhasindex
          and s.n_tup_upd >= greatest(${limits.least}::float8, 1)
          and 1 - s.n_tup_hot_upd / s.n_tup_upd::float8 >= ${limits.warn}::float8
        order by s.n_tup_upd - s.n_tup_hot_upd desc`,
      ({ schema, table, updates, hotRatio, indexes, fillfactor, own }) => ({
        gravity: gravityOf(1 - hotRatio, limits) ?? 'warn',
        subject: `table ${showName(schema, table)}`,
        what: `${Math.round(hotRatio * 100)} % of the updates of ${showName(schema, table)} are HOT`,
        evidence: { updates, hotRatio, indexes, fillfactor },
        ...fillfactorFix({ place: quoteQualified(schema, table), fillfactor, own }),
        advice: `It counts for pages written from then on. If a column changes with each update that an index is on, take it out of the index.`,
      }),
    ),
})
