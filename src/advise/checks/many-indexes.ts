// Tables that each write has many indexes of to keep.

import { sql } from '../../sql/sql.ts'
import type { Check } from '../model.ts'
import { defineCheck, findEach } from './tools/define.ts'
import { showName, usersOwn } from './tools/relations.ts'

interface Many {
  readonly schema: string
  readonly table: string
  readonly indexes: number
  readonly sizeBytes: number
  readonly indexBytes: number
}

export const manyIndexes: Check = defineCheck({
  name: 'many-indexes',
  category: 'indexes',
  question: 'Has a table very many indexes?',
  why: 'An insert writes into each of them, and so does an update that is not HOT; planning looks at each, too.',
  threshold: 'note from 11',
  mends: 'advice',
  limits: { warn: 11, critical: Infinity, least: 0 },
  find: ({ on, limits }) =>
    findEach<Many>(
      on,
      sql`
        select n.nspname::text as schema, c.relname::text as "table", count(*)::float8 as indexes,
          pg_table_size(c.oid)::float8 as "sizeBytes", pg_indexes_size(c.oid)::float8 as "indexBytes"
        from pg_index i
        join pg_class c on c.oid = i.indrelid
        join pg_namespace n on n.oid = c.relnamespace
        where ${usersOwn}
          and not c.relispartition
        group by n.nspname, c.relname, c.oid
        having count(*) >= ${limits.warn}::float8
        order by count(*) desc, n.nspname, c.relname`,
      ({ schema, table, ...row }) => ({
        gravity: 'note',
        subject: `table ${showName(schema, table)}`,
        what: `${showName(schema, table)} has ${row.indexes} indexes`,
        evidence: { ...row },
        advice: 'Begin with those that unused-index, duplicate-index and prefix-redundant-index name.',
      }),
    ),
})
