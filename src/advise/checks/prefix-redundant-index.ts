// B-trees whose columns are the first of another one's, in the same order, with the same operator classes and collations.

import { sql } from '../../sql/sql.ts'
import type { Check } from '../model.ts'
import { defineCheck, findEach } from './tools/define.ts'
import { foundIndex, indexJoins, isExpendable, withoutIndex, type FoundIndex } from './tools/indexes.ts'
import { showName, usersOwn } from './tools/relations.ts'

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
        with plain as (
          select i.*, c.relam, c.relispartition,
            -- Of the keys alone: included columns are no keys. What is cut out is counted from 1.
            (i.indkey::int2[])[0:i.indnkeyatts - 1] as keys, (i.indclass::oid[])[0:i.indnkeyatts - 1] as classes,
            (i.indcollation::oid[])[0:i.indnkeyatts - 1] as collations, (i.indoption::int2[])[0:i.indnkeyatts - 1] as options
          from pg_index i
          join pg_class c on c.oid = i.indexrelid
          join pg_am am on am.oid = c.relam
          where am.amname = 'btree'
            and i.indisvalid
            and i.indexprs is null
            and not c.relispartition
        ), shorter as (
          select distinct on (s.indexrelid) s.indexrelid, l.indexrelid as longer
          from plain s
          join plain l on l.indrelid = s.indrelid
          where l.indnkeyatts > s.indnkeyatts
            and l.keys[1:s.indnkeyatts] = s.keys
            and l.classes[1:s.indnkeyatts] = s.classes
            and l.collations[1:s.indnkeyatts] = s.collations
            and l.options[1:s.indnkeyatts] = s.options
            and pg_get_expr(l.indpred, l.indrelid) is not distinct from pg_get_expr(s.indpred, s.indrelid)
            -- With included columns it can answer without the table what the longer one may not.
            and s.indnatts = s.indnkeyatts
          order by s.indexrelid, l.indnkeyatts, l.indexrelid
        ), found as (
          select ${foundIndex}, w.relname::text as longer, pg_relation_size(w.oid)::float8 as "longerBytes"
          from ${indexJoins}
          join shorter s on s.indexrelid = i.indexrelid
          join pg_class w on w.oid = s.longer
          where ${usersOwn}
            and ${isExpendable}
        )
        select *
        from found
        where "sizeBytes" >= ${limits.least}::float8
        order by "sizeBytes" desc`,
      (row) => {
        const { subject, shown, fix, undo } = withoutIndex(row)
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
          advice: 'Keep it where the longer one is many times as large and the shorter is read all the time.',
        }
      },
    ),
})
