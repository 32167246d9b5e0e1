// Indexes that writers keep and nobody reads: what an interrupted CREATE or REINDEX CONCURRENTLY leaves.

import { quoteQualified } from '../../sql/quote.ts'
import { sql } from '../../sql/sql.ts'
import type { Check } from '../model.ts'
import { defineCheck, findEach } from './tools/define.ts'
import { foundIndex, indexJoins, withoutIndex, type FoundIndex } from './tools/indexes.ts'
import { usersOwn } from './tools/relations.ts'

/** What REINDEX CONCURRENTLY calls its own, and leaves where it is interrupted. */
const leftover = /_cc(new|old)\d*$/

export const invalidIndex: Check = defineCheck({
  name: 'invalid-index',
  category: 'indexes',
  question: 'Is an index invalid?',
  why: 'No query uses it, and every write may have to keep it; a unique one does not keep out what it should.',
  threshold: 'warn where one is invalid and not being built now',
  mends: 'builds it anew CONCURRENTLY; drops what REINDEX left',
  find: ({ on }) =>
    findEach<FoundIndex & { isUnique: boolean }>(
      on,
      sql`
        select ${foundIndex}, i.indisunique as "isUnique"
        from ${indexJoins}
        where ${usersOwn}
          and not (i.indisvalid and i.indisready and i.indislive)
          and not exists (select from pg_stat_progress_create_index p where p.index_relid = i.indexrelid or p.relid = i.indrelid)
        order by "sizeBytes" desc`,
      (row) => {
        const { subject, shown, fix } = withoutIndex(row)
        const said = {
          gravity: row.isUnique ? ('critical' as const) : ('warn' as const),
          subject,
          what: `Index ${shown} is invalid`,
          evidence: { sizeBytes: row.sizeBytes, isUnique: row.isUnique },
        }
        if (row.isPartitioned)
          return {
            ...said,
            advice:
              'Make an index like it on each partition that has none, and attach it (alter index … attach partition …).',
          }
        if (leftover.test(row.index)) return { ...said, fix }
        return { ...said, fix: [`reindex index concurrently ${quoteQualified(row.schema, row.index)}`] }
      },
    ),
})
