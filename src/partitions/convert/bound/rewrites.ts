// Views and rules of others that read the table, and rules of its own.
//
// They are bound to the table's oid: after the exchange of names they would read the old one (2,000 rows where there
// are 2,001). So each is made again from its text, which names the table by its name, in the swap. A view keeps its oid
// so, and with it its grants, its owner, its comment, the defaults and triggers of its own and the views above it.

import { renderComment } from '../../../catalog/dump/attributes.ts'
import { readRows } from '../../../catalog/dump/reading.ts'
import { renderOptions } from '../../../catalog/dump/storage.ts'
import { sql } from '../../../sql/sql.ts'
import { bare, type Bound } from './context.ts'
import type { BoundIndex } from './index-rows.ts'
import { carried, refused, type BoundItem } from './item.ts'
import { missingColumns } from './keys.ts'

interface RewriteRow {
  readonly oid: number
  readonly rule: string
  readonly relation: string
  readonly relkind: string
  readonly temporary: boolean
  readonly owner: string
  readonly own: boolean
  readonly ruleDefinition: string
  readonly viewDefinition: string | null
  readonly options: readonly string[]
  readonly enabled: string
  readonly comment: string | null
}

export async function readRewrites(bound: Bound, indexes: readonly BoundIndex[]): Promise<readonly BoundItem[]> {
  const others = bound.dependents.filter((dependent) => dependent.catalog === 'pg_rewrite')
  const rows = await readRows<RewriteRow>(
    bound.reading,
    sql`
    select r.oid,
      quote_ident(r.rulename) as rule,
      format('%I.%I', n.nspname, c.relname) as relation,
      c.relkind,
      c.relpersistence = 't' as temporary,
      quote_ident(pg_get_userbyid(c.relowner)) as owner,
      r.ev_class = ${bound.row.oid}::oid as own,
      pg_get_ruledef(r.oid) as "ruleDefinition",
      case when r.rulename = '_RETURN' then pg_get_viewdef(c.oid) end as "viewDefinition",
      coalesce(c.reloptions, '{}') as options,
      r.ev_enabled as enabled,
      obj_description(r.oid, 'pg_rewrite') as comment
    from pg_rewrite r
    join pg_class c on c.oid = r.ev_class
    join pg_namespace n on n.oid = c.relnamespace
    where r.oid = any(${others.map((dependent) => dependent.oid)}::oid[])
      or r.ev_class = ${bound.row.oid}::oid
    order by n.nspname, c.relname, r.rulename`,
  )
  const grouped = groupedBy(bound, indexes)
  return rows.map((row) => {
    if (row.own) return renderOwnRule(bound, row)
    if (row.temporary) return refuseTemporary(row)
    if (row.viewDefinition === null) return renderForeignRule(row, grouped.has(row.oid))
    return row.relkind === 'm' ? refuseMaterialized(row) : renderView(row, grouped.has(row.oid))
  })
}

/** Views and rules whose GROUP BY counts on a primary key that the new table has no more. */
function groupedBy(bound: Bound, indexes: readonly BoundIndex[]): ReadonlySet<number> {
  const keeps = indexes.some((index) => index.primary && missingColumns(bound, index).length === 0)
  const onConstraint = bound.dependents.filter(({ catalog, on }) => catalog === 'pg_rewrite' && on === 'constraint')
  return new Set(keeps ? [] : onConstraint.map(({ oid }) => oid))
}

function renderView(row: RewriteRow, needsKey: boolean): BoundItem {
  const told = { kind: 'view', name: row.relation }
  if (needsKey) return refuseGrouping(told)
  const query = bare(row.viewDefinition ?? '')
  const options = row.options.length === 0 ? '' : ` with (${renderOptions(row.options)})`
  return carried(
    { ...told, how: 'It is made again in the swap, from its own text, and reads the new table.' },
    {
      // LOCK TABLE would lock every table that the view reads; this locks the view alone, and changes nothing.
      before: [`alter view ${row.relation} owner to ${row.owner}`],
      statements: { adopt: [`create or replace view ${row.relation}${options} as\n${query}`] },
    },
  )
}

function refuseGrouping(told: { kind: string; name: string }): BoundItem {
  return refused(
    { ...told, how: 'It groups by the primary key and shows other columns: that key alone is no key any more.' },
    'Group by every column it shows, and convert then.',
  )
}

function refuseTemporary(row: RewriteRow): BoundItem {
  return refused(
    {
      kind: 'temporary view',
      name: row.relation,
      how: 'It reads the table, and belongs to one session: nobody else can make it again.',
    },
    'Drop it in that session, or wait until the session has ended.',
  )
}

function refuseMaterialized(row: RewriteRow): BoundItem {
  return refused(
    {
      kind: 'materialized view',
      name: row.relation,
      how: 'It reads the table by its oid, and would go on reading the old one. It cannot be made again without being filled again.',
    },
    `Let it read through a view (create view …, and the materialized view from that), or drop ${row.relation} and create it again afterwards.`,
  )
}

function replaceRule(row: RewriteRow): string {
  return bare(row.ruleDefinition).replace(/^CREATE RULE/, 'create or replace rule')
}

function renderForeignRule(row: RewriteRow, needsKey: boolean): BoundItem {
  const told = { kind: 'rule elsewhere', name: `${row.rule} on ${row.relation}` }
  if (needsKey) return refuseGrouping(told)
  return carried(
    { ...told, how: 'It is made again in the swap, from its own text, and names the new table.' },
    {
      before: [
        row.relkind === 'v'
          ? `alter view ${row.relation} owner to ${row.owner}`
          : `lock table only ${row.relation} in access exclusive mode`,
      ],
      statements: { adopt: [replaceRule(row)] },
    },
  )
}

const states: Readonly<Record<string, string>> = { D: 'disable', R: 'enable replica', A: 'enable always' }

function renderOwnRule(bound: Bound, row: RewriteRow): BoundItem {
  const state = states[row.enabled]
  return carried(
    { kind: 'rule', name: row.rule, how: 'It is made again in the swap.' },
    {
      statements: {
        ...(bound.subject.method === 'relabel' ? { release: [`drop rule ${row.rule} on ${bound.self}`] } : {}),
        adopt: [
          replaceRule(row),
          ...(state === undefined ? [] : [`alter table ${bound.self} ${state} rule ${row.rule}`]),
          ...renderComment(bound.reading, `rule ${row.rule} on ${bound.self}`, row.comment).map(bare),
        ],
      },
    },
  )
}
