// Foreign keys whose own columns no index begins with, in whichever order. An index that leaves out nulls counts: a look-up never
// asks for null.

import type { Queryable } from '../../db/db.ts'
import { quoteIdent } from '../../sql/quote.ts'
import { sql } from '../../sql/sql.ts'
import type { Check } from '../model.ts'
import { defineCheck, inTurn, readWorst, type Draft } from './tools/define.ts'
import { createIndexSql } from './tools/index-sql.ts'
import { leavesOf, ofLeaves, showName, usersOwn } from './tools/relations.ts'
import { inSentences } from './tools/settings.ts'

interface Bare {
  readonly constraint: string
  readonly schema: string
  readonly table: string
  readonly isPartitioned: boolean
  readonly columns: readonly string[]
  readonly referenced: string
  readonly rows: number
  readonly sizeBytes: number
}

export const foreignKeyIndex: Check = defineCheck({
  name: 'foreign-key-index',
  category: 'indexes',
  question: 'Has every foreign key an index?',
  why: 'Deleting a row that is referred to, or changing its key, reads the whole referring table once for each row.',
  threshold: 'warn from 10,000 rows',
  mends: 'makes the index, CONCURRENTLY',
  limits: { warn: 0, critical: Infinity, least: 10_000 },
  find: async ({ on, limits }) => {
    const { rows, all } = await readWorst<Bare>(
      on,
      sql`
        with large as materialized (
          select t.*
          from (
            select c.oid, case when c.relkind = 'p'
                then (
                  select coalesce(sum(greatest(l.reltuples, pg_stat_get_live_tuples(l.oid), 0)), 0)
                  from ${leavesOf(sql`c`)} p
                  join pg_class l on l.oid = p.relid
                )
                else greatest(c.reltuples, pg_stat_get_live_tuples(c.oid), 0)
              end::float8 as rows
            from pg_class c
            where c.oid in (select k.conrelid from pg_constraint k where k.contype = 'f' and k.conparentid = 0)
          ) t
          where t.rows >= ${limits.least}::float8
        ), bare as (
          select c.oid, k.conname::text as constraint, n.nspname::text as schema, c.relname::text as "table", c.relkind = 'p' as "isPartitioned",
            array(
              select a.attname::text
              from unnest(k.conkey) with ordinality as e (attnum, place)
              join pg_attribute a on a.attrelid = k.conrelid and a.attnum = e.attnum
              order by e.place
            ) as columns,
            k.confrelid::regclass::text as referenced,
            large.rows
          from large
          join pg_constraint k on k.conrelid = large.oid
          join pg_class c on c.oid = k.conrelid
          join pg_namespace n on n.oid = c.relnamespace
          where ${usersOwn}
            and k.contype = 'f'
            and k.conparentid = 0
            and not exists (
              select
              from pg_index i
              join pg_class ic on ic.oid = i.indexrelid
              join pg_am am on am.oid = ic.relam
              where i.indrelid = k.conrelid
                and i.indisvalid
                -- BRIN leaves most of the table to be read.
                and am.amname <> 'brin'
                and i.indnkeyatts >= cardinality(k.conkey)
                and (i.indkey::int2[])[0:cardinality(k.conkey) - 1] @> k.conkey
                and (
                  i.indpred is null
                  or pg_get_expr(i.indpred, i.indrelid) in (
                    select format('(%I IS NOT NULL)', a.attname)
                    from pg_attribute a
                    where a.attrelid = k.conrelid
                      and a.attnum = any(k.conkey)
                  )
                )
            )
        )
        select bare.*, ${ofLeaves(sql`c`, 'pg_relation_size')} as "sizeBytes"
        from bare
        join pg_class c on c.oid = bare.oid
        order by rows desc`,
    )
    return await inTurn(
      rows,
      async (bare, index) => await sayBare(on, bare, index === rows.length - 1 ? all - rows.length : 0),
    )
  },
})

async function sayBare(on: Queryable, bare: Bare, more: number): Promise<Draft> {
  const { constraint, schema, table, isPartitioned, columns, referenced, rows, sizeBytes } = bare
  const keys = `(${columns.map(quoteIdent).join(', ')})`
  const { fix, undo, locks } = await createIndexSql(on, { schema, table, isPartitioned, parts: columns, keys })
  return {
    gravity: 'warn',
    subject: `foreign key ${showName(constraint)} of ${showName(schema, table)}`,
    what: `No index begins with ${columns.map((column) => showName(column)).join(', ')} of ${showName(schema, table)}, which refers to ${referenced}`,
    evidence: { rows, sizeBytes, ...(more > 0 ? { andMore: more } : {}) },
    fix,
    undo,
    advice: inSentences(`If rows of ${referenced} are never deleted nor their keys changed, it may do without.`, locks),
  }
}
