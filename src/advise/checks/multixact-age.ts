// The same as freeze-age for multixacts: the numbers of rows that several transactions have locked.

import { sql } from '../../sql/sql.ts'
import type { Check } from '../model.ts'
import { ageFindings } from './tools/ages.ts'
import { defineCheck } from './tools/define.ts'

export const multixactAge: Check = defineCheck({
  name: 'multixact-age',
  category: 'vacuum',
  question: 'Are the numbers of multixacts running out?',
  why: 'Shortly before they do, the server refuses statements that lock a row which is locked already, foreign keys included.',
  threshold: 'warn from 50 %, critical from 75 % of 2,147,483,648',
  mends: 'freezes the oldest tables',
  limits: { warn: 0.5, critical: 0.75, least: 0 },
  caps: true,
  find: (tools) =>
    ageFindings(tools, {
      databases: sql`
        select datname::text as name, mxid_age(datminmxid)::float8 as age
        from pg_database`,
      what: 'numbers of multixacts',
      tables: sql`
        select n.nspname::text as schema, c.relname::text as "table", mxid_age(c.relminmxid)::float8 as "ageMultixacts",
          mxid_age(c.relminmxid) / 2147483648.0::float8 as "usedRatio",
          pg_total_relation_size(c.oid)::float8 as "sizeBytes"
        from pg_class c
        join pg_namespace n on n.oid = c.relnamespace
        where c.relkind in ('r', 'm')
          and c.relpersistence <> 't'
          and mxid_age(c.relminmxid) / 2147483648.0::float8 >= ${tools.limits.warn}::float8
        order by "ageMultixacts" desc`,
    }),
})
