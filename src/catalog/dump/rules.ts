// Rewrite rules, but for the one that makes a view a view.

import { sql, type Sql } from '../../sql/sql.ts'
import { renderComment } from './attributes.ts'
import { tableIdentity } from './indexes.ts'
import { addressOf, type Draft } from './object.ts'
import { definition, inSchemas, notOfExtension, ofRelation, readRows, type Reading } from './reading.ts'

interface RuleRow {
  readonly oid: number
  readonly name: string
  readonly table: string
  readonly relkind: string
  readonly definition: string | null
  readonly enabled: string
  readonly comment: string | null
}

export async function readRules(reading: Reading): Promise<Draft[]> {
  const rows = await readRows<RuleRow>(reading, query(reading))
  return rows.map((row) => render(reading, row))
}

function query(reading: Reading): Sql {
  return sql`
    select r.oid,
      quote_ident(r.rulename) as name,
      format('%I.%I', n.nspname, c.relname) as table,
      c.relkind,
      pg_get_ruledef(r.oid) as definition,
      r.ev_enabled as enabled,
      obj_description(r.oid, 'pg_rewrite') as comment
    from pg_rewrite r
    join pg_class c on c.oid = r.ev_class
    join pg_namespace n on n.oid = c.relnamespace
    where ${inSchemas(reading, 'c.relnamespace')}
      and ${ofRelation(reading, 'r.ev_class')}
      and r.rulename <> '_RETURN'
      and ${notOfExtension('pg_class', 'c.oid')}`
}

const states: Readonly<Record<string, string>> = { D: 'disable', R: 'enable replica', A: 'enable always' }

function render(reading: Reading, row: RuleRow): Draft {
  const state = states[row.enabled]
  return {
    kind: 'rule',
    identity: `rule ${row.name} on ${row.table}`,
    parent: tableIdentity(row.relkind, row.table),
    statements: [
      definition(row.definition, `The rule ${row.name} of ${row.table}`),
      ...(state === undefined ? [] : [`alter table ${row.table} ${state} rule ${row.name};`]),
      ...renderComment(reading, `rule ${row.name} on ${row.table}`, row.comment),
    ],
    addresses: [addressOf('pg_rewrite', row.oid)],
  }
}
