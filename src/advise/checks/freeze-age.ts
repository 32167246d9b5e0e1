// How near databases are to running out of transaction numbers, and which tables make it so.

import { sql } from '../../sql/sql.ts'
import type { Check } from '../model.ts'
import { ageFindings } from './tools/ages.ts'
import { defineCheck } from './tools/define.ts'

export const freezeAge: Check = defineCheck({
  name: 'freeze-age',
  category: 'vacuum',
  question: 'Are transaction numbers running out?',
  why: 'Shortly before they do, the server refuses every write until old rows are frozen.',
  threshold: 'warn from 50 %, critical from 75 % of 2,147,483,648 (near which vacuum goes without all bounds)',
  mends: 'freezes the oldest tables',
  limits: { warn: 0.5, critical: 0.75, least: 0 },
  caps: true,
  find: (tools) =>
    ageFindings(tools, {
      databases: sql`
        select datname::text as name, age(datfrozenxid)::float8 as age
        from pg_database`,
      what: 'transaction numbers',
      tables: sql`
        select n.nspname::text as schema, c.relname::text as "table",
          greatest(age(c.relfrozenxid), age(t.relfrozenxid))::float8 as "ageTransactions",
          greatest(age(c.relfrozenxid), age(t.relfrozenxid)) / 2147483648.0::float8 as "usedRatio",
          pg_total_relation_size(c.oid)::float8 as "sizeBytes"
        from pg_class c
        join pg_namespace n on n.oid = c.relnamespace
        left join pg_class t on t.oid = c.reltoastrelid
        where c.relkind in ('r', 'm')
          and c.relpersistence <> 't'
          and greatest(age(c.relfrozenxid), age(t.relfrozenxid)) / 2147483648.0::float8 >= ${tools.limits.warn}::float8
        order by "ageTransactions" desc`,
    }),
})
