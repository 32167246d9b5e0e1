// Indexes on nothing but a yes or no. Where one of the two is rare, an index of only those rows does as well, at a fraction of the
// size; where neither is, none is used.

import type { Queryable } from '../../db/db.ts'
import { quoteIdent } from '../../sql/quote.ts'
import { sql } from '../../sql/sql.ts'
import type { Check } from '../model.ts'
import { defineCheck, inTurn, readWorst, type Draft } from './tools/define.ts'
import { createIndexSql } from './tools/index-sql.ts'
import { foundIndex, indexBytes, indexJoins, isExpendable, withoutIndex, type FoundIndex } from './tools/indexes.ts'
import { showName, usersOwn } from './tools/relations.ts'
import { replaceIndex } from './tools/replace.ts'
import { readUnread, usualLeastHours, type Unread } from './tools/unread.ts'

interface OnFlag extends FoundIndex {
  readonly oid: number
  readonly column: string
  readonly ofPartitioned: boolean
  /** Partial ones that are there, by their conditions. */
  readonly partial: readonly string[]
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
  mends: `makes one of the rare value alone, CONCURRENTLY, where it is rarer than ${rareRatio * 100} %; drops this one after ${usualLeastHours / 24} days without a read`,
  limits: { warn: 0, critical: Infinity, least: 1_048_576, leastHours: usualLeastHours },
  find: async (tools) => {
    const { on, limits } = tools
    const { rows } = await readWorst<OnFlag>(
      on,
      sql`
        with flags as (
          select ${foundIndex}, c.oid::int8::float8 as oid, a.attname::text as column, t.relkind = 'p' as "ofPartitioned",
            array(
              select pg_get_expr(g.indpred, g.indrelid)
              from pg_index g
              where g.indrelid = i.indrelid
                and g.indisvalid
                and g.indpred is not null
            ) as partial,
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
            and ${indexBytes} >= ${limits.least}::float8
        )
        select *
        from flags
        order by "sizeBytes" desc`,
    )
    if (rows.length === 0) return []
    const unreadOf = await readUnread(
      tools,
      rows.map(({ oid }) => oid),
    )
    return await inTurn(rows, async (row) => await sayFlag(on, row, unreadOf(row.oid)))
  },
})

async function sayFlag(on: Queryable, row: OnFlag, unread: Unread): Promise<Draft> {
  const { subject, shown } = withoutIndex(row)
  const { trueRatio, column } = row
  const said = {
    gravity: 'note' as const,
    subject,
    what: `Index ${shown} is on nothing but the boolean ${showName(column)}`,
    evidence: {
      sizeBytes: row.sizeBytes,
      trueRatio,
      scans: unread.scans,
      definition: row.definition,
      ...unread.evidence,
    },
  }
  if (trueRatio === null)
    return { ...said, advice: 'How often it is true is not known: there are no statistics that this role may see.' }
  const rare = trueRatio <= rareRatio ? true : trueRatio >= 1 - rareRatio ? false : undefined
  if (rare === undefined) {
    const advice = 'Neither value is rare, so it is hardly ever the faster way.'
    return { ...said, ...replaceIndex({ old: row, unread, better: undefined, advice }) }
  }
  const condition = `${rare ? '' : 'not '}${quoteIdent(column)}`
  const printed = `${rare ? '' : 'NOT '}${column}`
  const better = row.partial.some((one) => one.replaceAll(/["()]/g, '') === printed)
    ? undefined
    : await createIndexSql(on, {
        schema: row.tableSchema,
        table: row.table,
        isPartitioned: row.ofPartitioned,
        parts: [column, rare ? 'true' : 'false'],
        keys: `(${quoteIdent(column)}) where ${condition}`,
      })
  const advice = 'Better still with the column by which those rows are read in place of the boolean.'
  return { ...said, ...replaceIndex({ old: row, unread, better, advice }) }
}
