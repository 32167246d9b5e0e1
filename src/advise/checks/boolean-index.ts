// Indexes on nothing but a yes or no. Where one of the two is rare, an index of only those rows does as well, at a fraction of the
// size; where neither is, none is used.

import { quoteIdent } from '../../sql/quote.ts'
import { sql } from '../../sql/sql.ts'
import type { Check } from '../model.ts'
import { defineCheck, inTurn, readWorst } from './tools/define.ts'
import { createIndexSql } from './tools/index-sql.ts'
import { foundIndex, indexJoins, isExpendable, withoutIndex, type FoundIndex } from './tools/indexes.ts'
import { showName, usersOwn } from './tools/relations.ts'

interface OnFlag extends FoundIndex {
  readonly column: string
  readonly ofPartitioned: boolean
  readonly trueRatio: number | null
}

/** Rarer than that is found by an index; more is read faster without. */
const rareRatio = 0.2

export const booleanIndex: Check = defineCheck({
  name: 'boolean-index',
  category: 'indexes',
  question: 'Is there an index on nothing but a boolean?',
  why: 'Half of its entries, or nearly all, are of the value that nobody looks up by an index.',
  threshold: 'note from 1 MB',
  mends: `makes one of the rare value alone, CONCURRENTLY, where it is rarer than ${rareRatio * 100} %; then drops it`,
  limits: { warn: 0, critical: Infinity, least: 1_048_576 },
  find: async ({ on, limits }) => {
    const { rows } = await readWorst<OnFlag>(
      on,
      sql`
        with flags as (
          select ${foundIndex}, a.attname::text as column, t.relkind = 'p' as "ofPartitioned",
            (
              select coalesce(sum(v.frequency) filter (where v.value::bool), 0)
              from pg_stats s
              cross join lateral unnest(s.most_common_vals::text::text[], s.most_common_freqs) as v (value, frequency)
              where s.schemaname = tn.nspname
                and s.tablename = t.relname
                and s.attname = a.attname
                and s.inherited = (t.relkind = 'p')
                and s.most_common_vals is not null
              having count(*) > 0
            )::float8 as "trueRatio"
          from ${indexJoins}
          join pg_attribute a on a.attrelid = i.indrelid and a.attnum = i.indkey[0]
          where ${usersOwn}
            and i.indnatts = 1
            and i.indisvalid
            and i.indpred is null
            and not c.relispartition
            and a.atttypid = 'bool'::regtype
            and ${isExpendable}
        )
        select *
        from flags
        where "sizeBytes" >= ${limits.least}::float8
        order by "sizeBytes" desc`,
    )
    return await inTurn(rows, async (row) => {
      const { subject, shown, fix, undo } = withoutIndex(row)
      const { trueRatio, column } = row
      const rare =
        trueRatio === null ? undefined : trueRatio <= rareRatio ? true : trueRatio >= 1 - rareRatio ? false : undefined
      const said = {
        gravity: 'note' as const,
        subject,
        what: `Index ${shown} is on nothing but the boolean ${showName(column)}`,
        evidence: { sizeBytes: row.sizeBytes, trueRatio, definition: row.definition },
      }
      if (trueRatio === null)
        return { ...said, advice: 'How often it is true is not known: there are no statistics that this role may see.' }
      if (rare === undefined)
        return {
          ...said,
          fix,
          undo,
          advice: 'Neither value is rare, so it is hardly ever the faster way. See idx_scan before.',
        }
      const partial = await createIndexSql(on, {
        schema: row.tableSchema,
        table: row.table,
        isPartitioned: row.ofPartitioned,
        parts: [column, rare ? 'true' : 'false'],
        keys: `(${quoteIdent(column)}) where ${rare ? '' : 'not '}${quoteIdent(column)}`,
      })
      return {
        ...said,
        fix: [...partial.fix, ...fix],
        undo: [...undo, ...partial.undo],
        advice: 'Better still with the column by which those rows are read in place of the boolean.',
      }
    })
  },
})
