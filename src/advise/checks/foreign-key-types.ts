// Foreign keys whose columns are of another type than those they refer to.

import { sql } from '../../sql/sql.ts'
import type { Check } from '../model.ts'
import { defineCheck, findEach } from './tools/define.ts'
import { showName, usersOwn } from './tools/relations.ts'

interface Mismatch {
  readonly schema: string
  readonly table: string
  readonly constraint: string
  readonly column: string
  readonly type: string
  readonly referenced: string
  readonly referencedColumn: string
  readonly referencedType: string
  readonly isNarrower: boolean
}

export const foreignKeyTypes: Check = defineCheck({
  name: 'foreign-key-types',
  category: 'schema',
  question: 'Are foreign keys of the type they refer to?',
  why: 'A narrower column fails one day on a key that it cannot hold; others are compared by a cast that indexes may not serve.',
  threshold: 'warn where it is narrower, else note',
  mends: 'advice',
  find: ({ on }) =>
    findEach<Mismatch>(
      on,
      sql`
        select n.nspname::text as schema, c.relname::text as "table", k.conname::text as constraint, a.attname::text as column,
          a.atttypid::regtype::text as type, k.confrelid::regclass::text as referenced, r.attname::text as "referencedColumn",
          r.atttypid::regtype::text as "referencedType",
          a.attlen > 0 and a.attlen < r.attlen as "isNarrower"
        from pg_constraint k
        join pg_class c on c.oid = k.conrelid
        join pg_namespace n on n.oid = c.relnamespace
        cross join lateral unnest(k.conkey, k.confkey) as pair (own, other)
        join pg_attribute a on a.attrelid = k.conrelid and a.attnum = pair.own
        join pg_attribute r on r.attrelid = k.confrelid and r.attnum = pair.other
        where ${usersOwn}
          and k.contype = 'f'
          and k.conparentid = 0
          and a.atttypid <> r.atttypid
        order by "isNarrower" desc, c.reltuples desc, n.nspname, c.relname, k.conname`,
      ({ schema, table, constraint, column, type, referenced, referencedColumn, referencedType, isNarrower }) => ({
        gravity: isNarrower ? 'warn' : 'note',
        subject: `foreign key ${showName(constraint)} of ${showName(schema, table)}`,
        what: `${showName(schema, table, column)} is ${type}, and refers to ${referenced}.${showName(referencedColumn)}, which is ${referencedType}`,
        evidence: { type, referencedType, isNarrower },
        advice: `Give both the wider type in steps: a new column, filled in batches, then swapped (docs/zero-downtime.md).`,
      }),
    ),
})
