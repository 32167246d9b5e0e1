// Default privileges: what objects get that are made later. They come last, so that they do not bear upon what the
// dump itself makes.

import { sql, type Sql } from '../../sql/sql.ts'
import { decodeGrants, grantsColumn } from './attributes.ts'
import { compareText, groupBy, type Draft } from './object.ts'
import { inSchemas, readRows, type Reading } from './reading.ts'

interface DefaultPrivilegesRow {
  readonly role: string
  readonly schema: string | null
  readonly kind: string
  readonly grants: readonly string[] | null
}

export async function readDefaultPrivileges(reading: Reading): Promise<Draft[]> {
  if (!reading.grants || reading.names !== undefined) return []
  const rows = await readRows<DefaultPrivilegesRow>(reading, query(reading))
  return rows.map(render).filter((draft) => draft.statements.length > 0)
}

function query(reading: Reading): Sql {
  // Within a schema, privileges come on top of the usual ones; elsewhere they stand in for them.
  const usual = `case
            when d.defaclnamespace <> 0 then null
            else acldefault(case d.defaclobjtype when 'S' then 's' else d.defaclobjtype end, d.defaclrole)
          end`
  return sql`
    select quote_ident(pg_get_userbyid(d.defaclrole)) as role,
      quote_ident(n.nspname) as schema,
      d.defaclobjtype as kind,
      ${grantsColumn('d.defaclacl', usual, 'd.defaclrole')} as grants
    from pg_default_acl d
    left join pg_namespace n on n.oid = d.defaclnamespace
    where ${inSchemas(reading, 'd.defaclnamespace')}
      or (d.defaclnamespace = 0 and ${reading.whole})`
}

const plurals: Readonly<Record<string, string>> = {
  r: 'tables',
  S: 'sequences',
  f: 'functions',
  T: 'types',
  n: 'schemas',
  L: 'large objects',
}

function render(row: DefaultPrivilegesRow): Draft {
  const what = plurals[row.kind] ?? row.kind
  const scope = `for role ${row.role}${row.schema === null ? '' : ` in schema ${row.schema}`}`
  const groups = groupBy(decodeGrants(row.grants ?? []), (entry) => `${entry.sign}${entry.grantable} ${entry.grantee}`)
  const statements = [...groups.values()].map((group) => {
    const [first] = group
    const privileges = group
      .map((entry) => entry.privilege)
      .toSorted(compareText)
      .join(', ')
    const [verb, preposition] = first?.sign === '-' ? ['revoke', 'from'] : ['grant', 'to']
    const option = first?.grantable === true ? ' with grant option' : ''
    return `alter default privileges ${scope} ${verb} ${privileges} on ${what} ${preposition} ${first?.grantee ?? ''}${option};`
  })
  const grantees = [...groups.values()].flat().filter((entry) => entry.isRole)
  return {
    kind: 'default-privileges',
    identity: `default-privileges on ${what} ${scope}`,
    // 'revoke' sorts after 'grant', and must come first: it may take away what is then granted with grant option.
    statements: statements.toSorted((left, right) => {
      const revokes = Number(right.includes(' revoke ')) - Number(left.includes(' revoke '))
      return revokes || compareText(left, right)
    }),
    ...(row.schema === null ? {} : { after: [`schema ${row.schema}`] }),
    roles: [row.role, ...grantees.map((entry) => entry.grantee)],
    addresses: [],
  }
}
