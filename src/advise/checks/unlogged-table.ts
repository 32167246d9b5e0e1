// Tables that are empty after a crash.

import { quoteQualified } from '../../sql/quote.ts'
import { sql } from '../../sql/sql.ts'
import type { Check } from '../model.ts'
import { defineCheck, findEach } from './tools/define.ts'
import { showName, usersOwn } from './tools/relations.ts'

export const unloggedTable: Check = defineCheck({
  name: 'unlogged-table',
  category: 'schema',
  question: 'Is a table lost with a crash?',
  why: 'An unlogged table is emptied after a crash, is not on any replica, and in no backup that goes on from the WAL.',
  threshold: 'warn where it has rows, else note',
  mends: 'makes it a logged one (writes it anew, while nobody may use it)',
  find: ({ on }) =>
    findEach<{ schema: string; table: string; sizeBytes: number }>(
      on,
      sql`
        select n.nspname::text as schema, c.relname::text as "table", pg_relation_size(c.oid)::float8 as "sizeBytes"
        from pg_class c
        join pg_namespace n on n.oid = c.relnamespace
        where ${usersOwn}
          and c.relkind = 'r'
          and c.relpersistence = 'u'
        order by "sizeBytes" desc, n.nspname, c.relname`,
      ({ schema, table, sizeBytes }) => ({
        gravity: sizeBytes > 0 ? 'warn' : 'note',
        subject: `table ${showName(schema, table)}`,
        what: `${showName(schema, table)} is unlogged`,
        evidence: { sizeBytes },
        fix: [`alter table ${quoteQualified(schema, table)} set logged`],
        undo: [`alter table ${quoteQualified(schema, table)} set unlogged`],
        advice:
          'It writes the table anew, and nobody may use it until that is done (ACCESS EXCLUSIVE). Leave it where losing it is meant, as for a cache.',
      }),
    ),
})
