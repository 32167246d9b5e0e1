// Row level security policies. Whether a table heeds them is said by the table.

import { sql, type Sql } from '../../sql/sql.ts'
import { renderComment } from './attributes.ts'
import { tableIdentity } from './indexes.ts'
import { addressOf, type Draft } from './object.ts'
import { inSchemas, notOfExtension, ofRelation, readRows, type Reading } from './reading.ts'

interface PolicyRow {
  readonly oid: number
  readonly name: string
  readonly table: string
  readonly relkind: string
  readonly permissive: boolean
  readonly command: string
  /** Empty: everybody. */
  readonly roles: readonly string[]
  readonly using: string | null
  readonly check: string | null
  readonly comment: string | null
}

export async function readPolicies(reading: Reading): Promise<Draft[]> {
  const rows = await readRows<PolicyRow>(reading, query(reading))
  return rows.map((row) => render(reading, row))
}

function query(reading: Reading): Sql {
  return sql`
    select p.oid,
      quote_ident(p.polname) as name,
      format('%I.%I', n.nspname, c.relname) as table,
      c.relkind,
      p.polpermissive as permissive,
      p.polcmd as command,
      array(
        select quote_ident(r.rolname)
        from pg_roles r
        where r.oid = any(p.polroles)
        order by r.rolname
      ) as roles,
      pg_get_expr(p.polqual, p.polrelid) as using,
      pg_get_expr(p.polwithcheck, p.polrelid) as check,
      obj_description(p.oid, 'pg_policy') as comment
    from pg_policy p
    join pg_class c on c.oid = p.polrelid
    join pg_namespace n on n.oid = c.relnamespace
    where ${inSchemas(reading, 'c.relnamespace')}
      and ${ofRelation(reading, 'p.polrelid')}
      and ${notOfExtension('pg_class', 'c.oid')}`
}

const commands: Readonly<Record<string, string>> = { '*': 'all', r: 'select', a: 'insert', w: 'update', d: 'delete' }

function render(reading: Reading, row: PolicyRow): Draft {
  const clauses = [
    `create policy ${row.name} on ${row.table}`,
    ...(row.permissive ? [] : ['as restrictive']),
    `for ${commands[row.command] ?? 'all'}`,
    `to ${row.roles.length === 0 ? 'public' : row.roles.join(', ')}`,
    ...(row.using === null ? [] : [`using (${row.using})`]),
    ...(row.check === null ? [] : [`with check (${row.check})`]),
  ]
  return {
    kind: 'policy',
    identity: `policy ${row.name} on ${row.table}`,
    parent: tableIdentity(row.relkind, row.table),
    statements: [
      `${clauses.join('\n  ')};`,
      ...renderComment(reading, `policy ${row.name} on ${row.table}`, row.comment),
    ],
    roles: row.roles,
    addresses: [addressOf('pg_policy', row.oid)],
  }
}
