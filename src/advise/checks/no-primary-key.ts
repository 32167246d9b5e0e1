// Tables without a primary key. Where a unique index on columns that are never null is there, it becomes one without any work.

import { quoteIdent, quoteQualified } from '../../sql/quote.ts'
import { sql, type Sql } from '../../sql/sql.ts'
import type { Check } from '../model.ts'
import { defineCheck, findEach } from './tools/define.ts'
import { leavesOf, showName, usersOwn } from './tools/relations.ts'

interface Keyless {
  readonly schema: string
  readonly table: string
  readonly rows: number
  readonly unique: string | null
  readonly definition: string | null
}

export const noPrimaryKey: Check = defineCheck({
  name: 'no-primary-key',
  category: 'schema',
  question: 'Has every table a primary key?',
  why: 'Logical replication cannot tell which row was changed, and nothing keeps the same row from being there twice.',
  threshold: 'warn; note where it is empty or has a unique key',
  mends: 'makes a unique index that is there the primary key; else advice',
  find: ({ on }) =>
    findEach<Keyless>(on, keylessTables(), ({ schema, table, rows, unique, definition }) => ({
      gravity: rows === 0 || unique !== null ? 'note' : 'warn',
      subject: `table ${showName(schema, table)}`,
      what: `${showName(schema, table)} has no primary key`,
      evidence: { rows, uniqueIndex: unique },
      ...(unique === null || definition === null
        ? {
            advice:
              'Add one: alter table … add column id bigint generated always as identity primary key writes the table anew; in steps see docs/zero-downtime.md.',
          }
        : {
            fix: [
              `alter table ${quoteQualified(schema, table)} add constraint ${quoteIdent(unique)} primary key using index ${quoteIdent(unique)}`,
            ],
            undo: [
              `alter table ${quoteQualified(schema, table)} drop constraint ${quoteIdent(unique)}`,
              definition.replace(/^CREATE UNIQUE INDEX /, 'CREATE UNIQUE INDEX CONCURRENTLY '),
            ],
            advice:
              'Nothing is built or read; for that moment nobody else may use the table (ACCESS EXCLUSIVE): set lock_timeout first.',
          }),
    })),
})

function keylessTables(): Sql {
  return sql`
        with keyless as (
          select c.oid, c.relkind, n.nspname::text as schema, c.relname::text as "table",
            (
              select coalesce(sum(greatest(x.reltuples, pg_stat_get_live_tuples(x.oid), 0)), 0)
              from ${leavesOf(sql`c`)} p
              join pg_class x on x.oid = p.relid
            )::float8 as rows,
            (
              select i.indexrelid
              from pg_index i
              where i.indrelid = c.oid
                and c.relkind = 'r'
                and i.indisunique
                and i.indisvalid
                and i.indimmediate
                and i.indexprs is null
                and i.indpred is null
                and not exists (select from pg_constraint k where k.conindid = i.indexrelid)
                and not exists (
                  select
                  from unnest((i.indkey::int2[])[0:i.indnkeyatts - 1]) as e (attnum)
                  join pg_attribute a on a.attrelid = c.oid and a.attnum = e.attnum
                  where not a.attnotnull
                )
                -- A constraint takes only indexes in the plain order, of the columns' own operator classes and collations.
                and not exists (select from unnest(i.indoption::int2[]) as o (bits) where bits <> 0)
                and not exists (
                  select
                  from unnest((i.indkey::int2[])[0:i.indnkeyatts - 1], i.indclass::oid[], i.indcollation::oid[]) as e (attnum, class, sorted)
                  join pg_attribute a on a.attrelid = c.oid and a.attnum = e.attnum
                  join pg_opclass oc on oc.oid = e.class
                  where not oc.opcdefault
                    or e.sorted <> a.attcollation
                )
              order by i.indnkeyatts, i.indexrelid
              limit 1
            ) as "unique"
          from pg_class c
          join pg_namespace n on n.oid = c.relnamespace
          where ${usersOwn}
            and c.relkind in ('r', 'p')
            and not c.relispartition
            and not exists (select from pg_index i where i.indrelid = c.oid and i.indisprimary)
        )
        select k.schema, k."table", k.rows, u.relname::text as "unique", pg_get_indexdef(u.oid) as definition
        from keyless k
        left join pg_class u on u.oid = k."unique"
        order by k.rows desc, k.schema, k."table"`
}
