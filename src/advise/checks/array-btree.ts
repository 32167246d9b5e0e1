// B-trees on arrays, which compare whole arrays: nothing that asks what an array contains can use one.

import { quoteIdent } from '../../sql/quote.ts'
import { sql, type Sql } from '../../sql/sql.ts'
import type { Check } from '../model.ts'
import { defineCheck, inTurn, readWorst } from './tools/define.ts'
import { createIndexSql } from './tools/index-sql.ts'
import {
  foundIndex,
  indexJoins,
  indexScans,
  isExpendable,
  servesForeignKey,
  withoutIndex,
  type FoundIndex,
} from './tools/indexes.ts'
import { showName, usersOwn } from './tools/relations.ts'
import { replaceIndex } from './tools/replace.ts'
import { readUnread, usualLeastHours } from './tools/unread.ts'

interface OnArray extends FoundIndex {
  readonly oid: number
  readonly column: string
  readonly ofPartitioned: boolean
  readonly hasGin: boolean
}

export const arrayBtree: Check = defineCheck({
  name: 'array-btree',
  category: 'indexes',
  question: 'Is there a b-tree on an array?',
  why: '@>, && and = any(…) cannot use it; it only helps where whole arrays are compared or sorted.',
  threshold: 'note where the array is its first and only column, and nothing reads it',
  mends: `makes a GIN index CONCURRENTLY where there is none; drops the b-tree after ${usualLeastHours / 24} days without a read`,
  limits: { warn: 0, critical: Infinity, least: 0, leastHours: usualLeastHours },
  find: async (tools) => {
    const { on } = tools
    const { rows } = await readWorst<OnArray>(on, arraysUnderBtree())
    if (rows.length === 0) return []
    const unreadOf = await readUnread(
      tools,
      rows.map(({ oid }) => oid),
    )
    const unread = rows.filter(({ oid }) => unreadOf(oid).readOn.length === 0)
    return await inTurn(unread, async (row) => {
      const { subject, shown } = withoutIndex(row)
      const better = row.hasGin
        ? undefined
        : await createIndexSql(on, {
            schema: row.tableSchema,
            table: row.table,
            isPartitioned: row.ofPartitioned,
            parts: [row.column, 'gin'],
            keys: `using gin (${quoteIdent(row.column)})`,
          })
      const own = unreadOf(row.oid)
      return {
        gravity: 'note' as const,
        subject,
        what: `Index ${shown} on the array ${showName(row.column)} is a b-tree, and nothing reads it`,
        evidence: {
          sizeBytes: row.sizeBytes,
          definition: row.definition,
          hasGin: row.hasGin,
          ...(own.days === null ? {} : { days: own.days }),
          ...own.evidence,
        },
        ...replaceIndex({
          old: row,
          unread: own,
          better,
          advice:
            'A GIN index is for what arrays contain; writes keep it at a higher price: one entry for each element.',
        }),
      }
    })
  },
})

function arraysUnderBtree(): Sql {
  return sql`
        select ${foundIndex}, c.oid::int8::float8 as oid, a.attname::text as column, t.relkind = 'p' as "ofPartitioned",
          exists (
            select
            from pg_index g
            join pg_class gc on gc.oid = g.indexrelid
            join pg_am ga on ga.oid = gc.relam
            where g.indrelid = i.indrelid
              and ga.amname = 'gin'
              and g.indisvalid
              and g.indpred is null
              and a.attnum = any(g.indkey)
          ) as "hasGin"
        from ${indexJoins}
        join pg_am am on am.oid = c.relam
        join pg_attribute a on a.attrelid = i.indrelid and a.attnum = i.indkey[0]
        join pg_type y on y.oid = a.atttypid
        where ${usersOwn}
          and am.amname = 'btree'
          and i.indnatts = 1
          and i.indisvalid
          and i.indpred is null
          and not c.relispartition
          -- True arrays: vectors of the catalog are arrays of a fixed length.
          and y.typcategory = 'A'
          and y.typlen = -1
          and ${isExpendable}
          and not ${servesForeignKey}
          -- What is read compares or sorts whole arrays, which is what it is good for.
          and ${indexScans} = 0
        order by "sizeBytes" desc`
}
