// Indexes that are the same in all that the catalog knows of them: columns, expressions, operator classes, collations, order,
// INCLUDE and predicate. Of each set, the one that a constraint or a unique key hangs on stays, else the oldest.

import { sql } from '../../sql/sql.ts'
import type { Check } from '../model.ts'
import { defineCheck, findEach } from './tools/define.ts'
import { foundIndex, indexJoins, indexSignature, isExpendable, withoutIndex, type FoundIndex } from './tools/indexes.ts'
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
        with ranked as (
          select i.indexrelid, i.may_go, first_value(i.indexrelid) over same as twin
          from (
            select i.*, c.relam, not c.relispartition and ${isExpendable} as may_go
            from pg_index i
            join pg_class c on c.oid = i.indexrelid
            where i.indisvalid
            offset 0
          ) i
          -- One of them stays: who may not go, else who is older.
          window same as (partition by i.indrelid, i.relam, ${indexSignature} order by i.may_go, i.indexrelid)
        ), doubled as materialized (
          select *
          from ranked
          where may_go
            and twin <> indexrelid
        )
        select ${foundIndex}, w.relname::text as twin
        from ${indexJoins}
        join doubled d on d.indexrelid = i.indexrelid
        join pg_class w on w.oid = d.twin
        where ${usersOwn}
        order by "sizeBytes" desc`,
      (row) => {
        const { subject, shown, fix, undo, locks } = withoutIndex(row)
        return {
          gravity: 'warn',
          subject,
          what: `Index ${shown} does what ${showName(row.schema, row.twin)} does`,
          evidence: { twin: row.twin, sizeBytes: row.sizeBytes, definition: row.definition },
          fix,
          undo,
          ...(locks === undefined ? {} : { advice: locks }),
        }
      },
    ),
})
