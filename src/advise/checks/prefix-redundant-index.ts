// B-trees whose columns are the first of another one's, in the same order, with the same operator classes and collations.

import { sql } from '../../sql/sql.ts'
import type { Check } from '../model.ts'
import { defineCheck, findEach } from './tools/define.ts'
import { foundIndex, indexBytes, indexJoins, isExpendable, withoutIndex, type FoundIndex } from './tools/indexes.ts'
import { ofLeaves, showName, usersOwn } from './tools/relations.ts'
import { inSentences } from './tools/settings.ts'

export const prefixRedundantIndex: Check = defineCheck({
  name: 'prefix-redundant-index',
  category: 'indexes',
  question: 'Is there an index that is the beginning of another?',
  why: 'The longer one answers all that the shorter does; each write keeps both.',
  threshold: 'note from 10 MB',
  mends: 'drops the shorter, CONCURRENTLY',
  limits: { warn: 0, critical: Infinity, least: 10_485_760 },
  find: ({ on, limits }) =>
    findEach<FoundIndex & { longer: string; longerBytes: number }>(
      on,
      sql`
        with shorter as materialized (
          -- Straight from the catalog, table by table: what is put together first has no statistics to join it by.
          select distinct on (s.indexrelid) s.indexrelid, l.indexrelid as longer
          from pg_index s
          join pg_index l on l.indrelid = s.indrelid and l.indnkeyatts > s.indnkeyatts
          join pg_class sc on sc.oid = s.indexrelid
          join pg_class lc on lc.oid = l.indexrelid and lc.relam = sc.relam
          join pg_am am on am.oid = sc.relam and am.amname = 'btree'
          where s.indisvalid
            and l.indisvalid
            and s.indexprs is null
            and l.indexprs is null
            and not sc.relispartition
            -- With included columns it can answer without the table what the longer one may not.
            and s.indnatts = s.indnkeyatts
            -- Vectors of the catalog are counted from 0.
            and (l.indkey::int2[])[0:s.indnkeyatts - 1] = (s.indkey::int2[])[0:s.indnkeyatts - 1]
            and (l.indclass::oid[])[0:s.indnkeyatts - 1] = (s.indclass::oid[])[0:s.indnkeyatts - 1]
            and (l.indcollation::oid[])[0:s.indnkeyatts - 1] = (s.indcollation::oid[])[0:s.indnkeyatts - 1]
            and (l.indoption::int2[])[0:s.indnkeyatts - 1] = (s.indoption::int2[])[0:s.indnkeyatts - 1]
            and pg_get_expr(l.indpred, l.indrelid) is not distinct from pg_get_expr(s.indpred, s.indrelid)
          order by s.indexrelid, l.indnkeyatts, l.indexrelid
        ), large as materialized (
          select s.*
          from shorter s
          join pg_class c on c.oid = s.indexrelid
          where ${indexBytes} >= ${limits.least}::float8
        )
        select ${foundIndex}, w.relname::text as longer, ${ofLeaves(sql`w`, 'pg_relation_size')} as "longerBytes"
        from ${indexJoins}
        join large s on s.indexrelid = i.indexrelid
        join pg_class w on w.oid = s.longer
        where ${usersOwn}
          and ${isExpendable}
        order by "sizeBytes" desc`,
      (row) => {
        const { subject, shown, fix, undo, locks } = withoutIndex(row)
        return {
          gravity: 'note',
          subject,
          what: `Index ${shown} is the beginning of ${showName(row.schema, row.longer)}`,
          evidence: {
            longer: row.longer,
            sizeBytes: row.sizeBytes,
            longerBytes: row.longerBytes,
            definition: row.definition,
          },
          fix,
          undo,
          advice: inSentences(
            'Keep it where the longer one is many times as large and the shorter is read all the time.',
            locks,
          ),
        }
      },
    ),
})
