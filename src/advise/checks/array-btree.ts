// B-trees on arrays, which compare whole arrays: nothing that asks what an array contains can use one.

import { quoteIdent } from '../../sql/quote.ts'
import { sql } from '../../sql/sql.ts'
import type { Check } from '../model.ts'
import { defineCheck, inTurn, readWorst } from './tools/define.ts'
import { createIndexSql } from './tools/index-sql.ts'
import { foundIndex, indexJoins, isExpendable, withoutIndex, type FoundIndex } from './tools/indexes.ts'
import { showName, usersOwn } from './tools/relations.ts'

interface OnArray extends FoundIndex {
  readonly column: string
  readonly ofPartitioned: boolean
}

export const arrayBtree: Check = defineCheck({
  name: 'array-btree',
  category: 'indexes',
  question: 'Is there a b-tree on an array?',
  why: '@>, && and = any(…) cannot use it; it only helps where whole arrays are compared or sorted.',
  threshold: 'note where the array is its first and only column',
  mends: 'makes a GIN index CONCURRENTLY, then drops the b-tree',
  find: async ({ on }) => {
    const { rows } = await readWorst<OnArray>(
      on,
      sql`
        select ${foundIndex}, a.attname::text as column, t.relkind = 'p' as "ofPartitioned"
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
        order by "sizeBytes" desc`,
    )
    return await inTurn(rows, async (row) => {
      const { subject, shown, fix, undo } = withoutIndex(row)
      const gin = await createIndexSql(on, {
        schema: row.tableSchema,
        table: row.table,
        isPartitioned: row.ofPartitioned,
        parts: [row.column, 'gin'],
        keys: `using gin (${quoteIdent(row.column)})`,
      })
      return {
        gravity: 'note' as const,
        subject,
        what: `Index ${shown} on the array ${showName(row.column)} is a b-tree`,
        evidence: { sizeBytes: row.sizeBytes, definition: row.definition },
        fix: [...gin.fix, ...fix],
        undo: [...undo, ...gin.undo],
        advice: 'Writes keep a GIN index at a higher price: one entry for each element.',
      }
    })
  },
})
