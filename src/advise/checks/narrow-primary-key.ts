// Integer primary keys near the end of their type that no sequence fills: the values in them are looked at, one index probe a table.

import { sql } from '../../sql/sql.ts'
import type { Check } from '../model.ts'
import { defineCheck, gravityOf, inTurn, mostFindings } from './tools/define.ts'
import { showName, usersOwn } from './tools/relations.ts'

interface Narrow {
  readonly schema: string
  readonly table: string
  readonly column: string
  readonly type: string
  readonly most: number
}

/** The largest tables: each costs a look into its primary key. */
const mostTables = 100

export const narrowPrimaryKey: Check = defineCheck({
  name: 'narrow-primary-key',
  category: 'schema',
  question: 'Is an integer primary key that no sequence fills near its end?',
  why: 'Past 2,147,483,647 (32,767 of a smallint) every insert fails.',
  threshold: `warn from 70 %, critical from 90 %, of the ${mostTables} largest tables`,
  mends: 'advice',
  limits: { warn: 0.7, critical: 0.9, least: 0 },
  caps: true,
  find: async ({ on, limits }) => {
    const { rows } = await on.query<Narrow>(sql`
      select n.nspname::text as schema, c.relname::text as "table", a.attname::text as column, a.atttypid::regtype::text as type,
        case a.atttypid when 'int2'::regtype then 32767 else 2147483647 end::float8 as most
      from pg_index i
      join pg_class c on c.oid = i.indrelid
      join pg_namespace n on n.oid = c.relnamespace
      join pg_attribute a on a.attrelid = c.oid and a.attnum = i.indkey[0]
      where ${usersOwn}
        and i.indisprimary
        and i.indnkeyatts = 1
        and c.relkind = 'r'
        and a.atttypid in ('int2'::regtype, 'int4'::regtype)
        and a.attidentity = ''
        and has_column_privilege(c.oid, a.attnum, 'select')
        -- The largest could be among the rows that policies hide.
        and not row_security_active(c.oid)
        -- Those that a sequence fills are sequence-used's.
        and not exists (
          select
          from pg_attrdef f
          join pg_depend d on d.classid = 'pg_attrdef'::regclass and d.objid = f.oid and d.refclassid = 'pg_class'::regclass
          join pg_class s on s.oid = d.refobjid and s.relkind = 'S'
          where f.adrelid = c.oid
            and f.adnum = a.attnum
        )
      order by c.reltuples desc, n.nspname, c.relname
      limit ${mostTables}`)
    const judged = await inTurn(rows, async ({ schema, table, column, most, type }) => {
      const answer = await on.query<{ largest: number | null }>(
        sql`select max(${sql.ident(column)})::float8 as largest from ${sql.ident(schema, table)}`,
      )
      const largest = answer.rows[0]?.largest ?? 0
      const usedRatio = largest / most
      const gravity = gravityOf(usedRatio, limits)
      if (gravity === undefined) return []
      return [
        {
          gravity,
          subject: `table ${showName(schema, table)}`,
          what: `Primary key ${showName(schema, table, column)} has come to ${Math.floor(usedRatio * 100)} % of what ${type} holds`,
          evidence: { largest, most, usedRatio, type },
          advice: 'Make it a bigint in steps: a new column, filled in batches, then swapped (docs/zero-downtime.md).',
        },
      ]
    })
    return judged
      .flat()
      .toSorted((left, right) => right.evidence.usedRatio - left.evidence.usedRatio)
      .slice(0, mostFindings)
  },
})
