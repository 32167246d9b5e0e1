// Indexes that are the same in all that the catalog knows of them: columns, expressions, operator classes, collations, order,
// INCLUDE and predicate. Of each set, the one that a constraint or a unique key hangs on stays, else the oldest.

import { sql } from '../../sql/sql.ts'
import type { Check } from '../model.ts'
import { defineCheck, findEach } from './tools/define.ts'
import { foundIndex, indexJoins, isExpendable, sameIndex, withoutIndex, type FoundIndex } from './tools/indexes.ts'
import { showName, usersOwn } from './tools/relations.ts'

export const duplicateIndex: Check = defineCheck({
  name: 'duplicate-index',
  category: 'indexes',
  question: 'Is there an index twice?',
  why: 'Each write keeps both, and no read is faster for the second.',
  threshold: 'warn where one does all that another does',
  mends: 'drops one, CONCURRENTLY',
  find: ({ on }) =>
    findEach<FoundIndex & { twin: string }>(
      on,
      sql`
        with doubled as (
          select ${foundIndex},
            (
              select o.indexrelid
              from pg_index o
              join pg_class oc on oc.oid = o.indexrelid
              where ${sameIndex}
                and oc.relam = c.relam
                -- One of two stays: who is not expendable, else who is older.
                and (
                  o.indisunique or o.indisprimary or o.indisexclusion or o.indisreplident or o.indisclustered
                  or o.indexrelid < i.indexrelid
                )
              order by o.indexrelid
              limit 1
            ) as twin
          from ${indexJoins}
          where ${usersOwn}
            and i.indisvalid
            and not c.relispartition
            and ${isExpendable}
        )
        select d.schema, d.index, d."table", d."tableSchema", d.definition, d."isPartitioned", d."sizeBytes",
          w.relname::text as twin
        from doubled d
        join pg_class w on w.oid = d.twin
        order by d."sizeBytes" desc`,
      (row) => {
        const { subject, shown, fix, undo } = withoutIndex(row)
        return {
          gravity: 'warn',
          subject,
          what: `Index ${shown} does what ${showName(row.schema, row.twin)} does`,
          evidence: { twin: row.twin, sizeBytes: row.sizeBytes, definition: row.definition },
          fix,
          undo,
        }
      },
    ),
})
