// Expressions of the table itself (checks, defaults, generated columns, indexes, statistics) that mean the whole table: its
// row, its row type, or its oid. They are made on the new parent before that has the name, so their text would not parse
// there, or would mean the old table for good. Refused by name. What is made in the swap, when the names are final, may say
// so: policies, rules, conditions of triggers, filters of publications.

import { readRows } from '../../../catalog/dump/reading.ts'
import { quoteLiteral } from '../../../sql/quote.ts'
import { sql } from '../../../sql/sql.ts'
import type { Bound } from './context.ts'
import { refused, type BoundItem } from './item.ts'
import { ownPrefix } from './names.ts'

/** A node tree names every type by its oid, that of the row in a variable too; the oid of a table is in the text. */
export async function readExpressions(bound: Bound): Promise<readonly BoundItem[]> {
  const { oid } = bound.row
  const rows = await readRows<{ kind: string; name: string }>(
    bound.reading,
    sql`
    with expression (kind, name, tree, text) as (
      select 'check constraint', quote_ident(conname), conbin::text, pg_get_expr(conbin, conrelid)
      from pg_constraint
      where conrelid = ${oid}::oid
        and contype = 'c'
        and not starts_with(conname::text, ${ownPrefix})
      union all
      select case when a.attgenerated = '' then 'default' else 'generated column' end, quote_ident(a.attname),
        d.adbin::text, pg_get_expr(d.adbin, d.adrelid)
      from pg_attrdef d
      join pg_attribute a on a.attrelid = d.adrelid and a.attnum = d.adnum
      where d.adrelid = ${oid}::oid
      union all
      select 'index', quote_ident(c.relname), concat(i.indexprs::text, i.indpred::text),
        concat(pg_get_expr(i.indexprs, i.indrelid), ' ', pg_get_expr(i.indpred, i.indrelid))
      from pg_index i
      join pg_class c on c.oid = i.indexrelid
      where i.indrelid = ${oid}::oid
      union all
      select 'statistics', quote_ident(stxname), stxexprs::text, pg_get_expr(stxexprs, stxrelid)
      from pg_statistic_ext
      where stxrelid = ${oid}::oid
    )
    select kind, name
    from expression
    where strpos(text, ${`${quoteLiteral(bound.self)}::regclass`}) > 0
      or exists (
        select
        from pg_type t
        where ${oid}::oid in (t.typrelid, (select e.typrelid from pg_type e where e.oid = t.typelem))
          and strpos(tree, format('type %s ', t.oid)) > 0
      )
    order by kind, name`,
  )
  return rows.map(({ kind, name }) =>
    refused(
      {
        kind,
        name,
        how: 'Its expression means the whole table (its row, its row type or its oid), and would mean the old one, or nothing.',
      },
      'Write it with the columns that it needs, or drop it and make it again afterwards.',
    ),
  )
}
