// How large the database is, and what of it are tables with their indexes.

import { onlyRow } from '../../db/db.ts'
import { sql } from '../../sql/sql.ts'
import type { ServerProbe } from '../model/server-probe.ts'
import { available, gauge } from './metrics.ts'

export const sizesProbe: ServerProbe = {
  name: 'sizes',
  question: 'How large is the database?',
  everyMs: 15 * 60_000,
  limitMs: 10_000,
  of: 'primary',
  metrics: [
    gauge('pgstrata_database_size_bytes', 'Size of the database on disk.'),
    gauge(
      'pgstrata_tables_size_bytes',
      'Size of all tables of users, with their indexes; by the statistics of the server.',
    ),
  ],
  unavailable: available,
  read: async ({ on }) => {
    // By pages as vacuum and analyze last counted them: to ask each file would cost as much as the first number again.
    const answer = await on.query<Record<'database' | 'tables', number>>(sql`
      select pg_database_size(current_database())::float8 as database,
        (select coalesce(sum(c.relpages::float8), 0) * current_setting('block_size')::float8
          from pg_class c
          join pg_namespace n on n.oid = c.relnamespace
          where n.nspname not in ('pg_catalog', 'information_schema')
            and c.relkind in ('r', 'm', 'i', 't')) as tables`)
    const { database, tables } = onlyRow(answer)
    return {
      points: [
        { metric: 'pgstrata_database_size_bytes', labels: [], value: database },
        { metric: 'pgstrata_tables_size_bytes', labels: [], value: tables },
      ],
    }
  },
}
