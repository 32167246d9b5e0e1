// Indexes most of whose entries are null.

import { quoteIdent } from '../../sql/quote.ts'
import { sql, type Sql } from '../../sql/sql.ts'
import type { Check, Limits } from '../model.ts'
import { defineCheck, inTurn, readWorst } from './tools/define.ts'
import { createIndexSql } from './tools/index-sql.ts'
import { foundIndex, indexBytes, indexJoins, isExpendable, withoutIndex, type FoundIndex } from './tools/indexes.ts'
import { showName, usersOwn } from './tools/relations.ts'
import { replaceIndex } from './tools/replace.ts'
import { readUnread, usualLeastHours } from './tools/unread.ts'

interface OnNulls extends FoundIndex {
  readonly oid: number
  readonly column: string
  readonly ofPartitioned: boolean
  readonly hasPartial: boolean
  readonly nullRatio: number
}

export const mostlyNullIndex: Check = defineCheck({
  name: 'mostly-null-index',
  category: 'indexes',
  question: 'Is an index full of nulls?',
  why: 'No look-up by a value reads them, and each insert writes one.',
  threshold: 'note where more than half are null, from 10 MB',
  mends: `makes one without the nulls, CONCURRENTLY; drops this one after ${usualLeastHours / 24} days without a read`,
  limits: { warn: 0.5, critical: Infinity, least: 10_485_760, leastHours: usualLeastHours },
  find: async (tools) => {
    const { on, limits } = tools
    const { rows } = await readWorst<OnNulls>(on, fullOfNulls(limits))
    if (rows.length === 0) return []
    const unreadOf = await readUnread(
      tools,
      rows.map(({ oid }) => oid),
    )
    return await inTurn(rows, async (row) => {
      const { subject, shown } = withoutIndex(row)
      const column = quoteIdent(row.column)
      const unread = unreadOf(row.oid)
      const better = row.hasPartial
        ? undefined
        : await createIndexSql(on, {
            schema: row.tableSchema,
            table: row.table,
            isPartitioned: row.ofPartitioned,
            parts: [row.column],
            keys: `(${column}) where ${column} is not null`,
          })
      return {
        gravity: 'note' as const,
        subject,
        what: `${Math.round(row.nullRatio * 100)} % of index ${shown} is null`,
        evidence: {
          sizeBytes: row.sizeBytes,
          nullRatio: row.nullRatio,
          scans: unread.scans,
          definition: row.definition,
          ...unread.evidence,
        },
        ...replaceIndex({
          old: row,
          unread,
          better,
          advice: `Not where statements look for "${showName(row.column)} is null", or sort by it.`,
        }),
      }
    })
  },
})

function fullOfNulls({ least, warn }: Limits): Sql {
  return sql`
        with large as materialized (
          select ${foundIndex}, c.oid::int8::float8 as oid, a.attname::text as column, t.relkind = 'p' as "ofPartitioned",
            exists (
              select
              from pg_index g
              where g.indrelid = i.indrelid
                and g.indisvalid
                and g.indkey[0] = a.attnum
                and pg_get_expr(g.indpred, g.indrelid) = format('(%I IS NOT NULL)', a.attname)
            ) as "hasPartial"
          from ${indexJoins}
          join pg_am am on am.oid = c.relam
          join pg_attribute a on a.attrelid = i.indrelid and a.attnum = i.indkey[0]
          where ${usersOwn}
            and am.amname = 'btree'
            and i.indnatts = 1
            and i.indisvalid
            and i.indpred is null
            and not c.relispartition
            and not a.attnotnull
            and i.indoption[0] = 0
            -- What its definition says beyond the column would have to be said again.
            and i.indcollation[0] = a.attcollation
            and (select oc.opcdefault from pg_opclass oc where oc.oid = i.indclass[0])
            and ${isExpendable}
            and ${indexBytes} >= ${least}::float8
        )
        select l.*, s.null_frac::float8 as "nullRatio"
        from large l
        join pg_stats s on s.schemaname = l."tableSchema" and s.tablename = l."table" and s.attname = l."column"
          and s.inherited = l."ofPartitioned"
        where s.null_frac > ${warn}::float8
        order by l."sizeBytes" * s.null_frac desc`
}
