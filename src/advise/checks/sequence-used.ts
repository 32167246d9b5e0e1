// How near sequences are to their end: that of the column they fill, or their own, whichever comes first.

import { quoteIdent, quoteQualified } from '../../sql/quote.ts'
import { sql, type Sql } from '../../sql/sql.ts'
import type { Check, Limits } from '../model.ts'
import { defineCheck, findEach, gravityOf } from './tools/define.ts'
import { showName } from './tools/relations.ts'

interface Used {
  readonly schema: string
  readonly sequence: string
  readonly usedRatio: number
  readonly lastValue: number
  readonly mostSequence: number
  readonly mostColumn: number | null
  readonly table: string | null
  readonly tableSchema: string | null
  readonly column: string | null
  readonly columnType: string | null
  readonly isIdentity: boolean
  /** What the sequence's own type and maximum are written as. */
  readonly type: string
  readonly maximum: string
}

export const sequenceUsed: Check = defineCheck({
  name: 'sequence-used',
  category: 'schema',
  question: 'Is a sequence, or the column it fills, near its end?',
  why: 'At the end every insert fails. An integer column fills up at 2,147,483,647, whatever its sequence could still give.',
  threshold: 'warn from 70 %, critical from 90 %',
  mends: 'lets the sequence go as far as its column does; a wider column is advice',
  limits: { warn: 0.7, critical: 0.9, least: 0 },
  caps: true,
  find: ({ on, limits }) =>
    findEach<Used>(on, nearTheirEnd(limits), (row) => {
      const { schema, sequence, usedRatio, lastValue, mostSequence, mostColumn, column } = row
      return {
        gravity: gravityOf(usedRatio, limits) ?? 'warn',
        subject: `sequence ${showName(schema, sequence)}`,
        what: `${Math.floor(usedRatio * 100)} % of the numbers of sequence ${showName(schema, sequence)}${column === null ? '' : ` (${showName(row.tableSchema ?? '', row.table ?? '', column)})`} are used`,
        evidence: { usedRatio, lastValue, mostSequence, mostColumn, columnType: row.columnType },
        ...remedyOf(row),
      }
    }),
})

function remedyOf(row: Used): { fix?: string[]; undo?: string[]; advice?: string } {
  const { schema, sequence, mostSequence, mostColumn, column, columnType, type, maximum, table, tableSchema } = row
  const isOfColumn = mostColumn !== null && mostColumn <= mostSequence
  if (isOfColumn && columnType !== 'bigint')
    return {
      advice: `${column ?? 'The column'} is ${columnType ?? 'too narrow'}: make it a bigint in steps (a new column, filled in batches, then swapped; see docs/zero-downtime.md). Changing its type writes the table anew while nobody may use it.`,
    }
  if (mostSequence >= 9e18)
    return { advice: 'There is no wider number: begin it again where that is safe, or use uuid.' }
  if (row.isIdentity && table !== null && tableSchema !== null && column !== null) {
    const alter = `alter table ${quoteQualified(tableSchema, table)} alter column ${quoteIdent(column)}`
    const most = columnType === 'bigint' ? '9223372036854775807' : columnType === 'integer' ? '2147483647' : '32767'
    return { fix: [`${alter} set maxvalue ${most}`], undo: [`${alter} set maxvalue ${maximum}`] }
  }
  const name = quoteQualified(schema, sequence)
  // As far as its column goes, and no further: there the insert would fail instead.
  const as = columnType === 'integer' || columnType === 'smallint' ? columnType : 'bigint'
  return {
    fix: [`alter sequence ${name} as ${as} no maxvalue`],
    undo: [`alter sequence ${name} as ${type} maxvalue ${maximum}`],
  }
}

function nearTheirEnd({ warn }: Limits): Sql {
  return sql`
        with near as materialized (
          -- Of the few that have come far: by the narrowest column that they could fill, or by themselves.
          select s.seqrelid, s.last
          from (
            select s.seqrelid, s.seqmax, s.seqstart,
              -- Asked of nothing but sequences, in whichever order conditions are looked at.
              case when c.relkind = 'S' and has_sequence_privilege(c.oid, 'usage, select') then pg_sequence_last_value(c.oid) end as last
            from pg_sequence s
            join pg_class c on c.oid = s.seqrelid
            join pg_namespace n on n.oid = c.relnamespace
            where n.nspname !~ '^pg_'
              and n.nspname <> 'information_schema'
              and c.relpersistence <> 't'
              and s.seqincrement > 0
              and not s.seqcycle
          ) s
          where s.seqstart < 0
            or s.last >= ${warn}::float8 * least(s.seqmax, 32767)
        ), filled as (
          -- Identity and serial own their sequence; any default may call one.
          select d.objid as sequence, d.refobjid as relation, d.refobjsubid as attnum, d.deptype = 'i' as identity
          from near
          join pg_depend d on d.objid = near.seqrelid
          where d.classid = 'pg_class'::regclass
            and d.refclassid = 'pg_class'::regclass
            and d.deptype in ('a', 'i')
            and d.refobjsubid > 0
          union
          select d.refobjid, f.adrelid, f.adnum, false
          from near
          join pg_depend d on d.refobjid = near.seqrelid
          join pg_attrdef f on f.oid = d.objid
          where d.classid = 'pg_attrdef'::regclass
            and d.refclassid = 'pg_class'::regclass
        ), used as (
          select n.nspname::text as schema, c.relname::text as sequence, near.last, s.seqmax, s.seqstart,
            s.seqtypid::regtype::text as type,
            tn.nspname::text as "tableSchema", t.relname::text as "table", a.attname::text as column,
            a.atttypid::regtype::text as "columnType", coalesce(f.identity, false) as "isIdentity",
            case a.atttypid when 'int2'::regtype then 32767 when 'int4'::regtype then 2147483647
              when 'int8'::regtype then 9223372036854775807 end as most
          from near
          join pg_sequence s on s.seqrelid = near.seqrelid
          join pg_class c on c.oid = s.seqrelid
          join pg_namespace n on n.oid = c.relnamespace
          left join filled f on f.sequence = c.oid
          left join pg_class t on t.oid = f.relation
          left join pg_namespace tn on tn.oid = t.relnamespace
          left join pg_attribute a on a.attrelid = f.relation and a.attnum = f.attnum
        ), judged as (
          -- Counted from zero, or from where it began below. No way at all from there: it is at its end.
          select used.*,
            coalesce((last::float8 - began) / nullif(least(seqmax, most)::float8 - began, 0), 1) as "usedRatio"
          from used
          cross join lateral (select least(seqstart, last, 0)::float8 as began) b
        )
        select schema, sequence, "usedRatio", last::float8 as "lastValue", seqmax::float8 as "mostSequence", seqmax::text as maximum,
          most::float8 as "mostColumn", "table", "tableSchema", "column", "columnType", "isIdentity", type
        from judged
        where "usedRatio" >= ${warn}::float8
        order by "usedRatio" desc, schema, sequence`
}
