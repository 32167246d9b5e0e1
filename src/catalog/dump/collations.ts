// Collations. The version of the library behind one is not part of the schema.

import { quoteLiteral } from '../../sql/quote.ts'
import { sql, type Sql } from '../../sql/sql.ts'
import { attributeColumns, renderAttributes, type AttributeRow } from './attributes.ts'
import { addressOf, type Draft } from './object.ts'
import { inSchemas, named, notOfExtension, readRows, type Reading } from './reading.ts'

interface CollationRow extends AttributeRow {
  readonly oid: number
  readonly name: string
  readonly provider: string
  readonly deterministic: boolean
  readonly collate: string | null
  readonly ctype: string | null
  readonly locale: string | null
  readonly rules: string | null
}

export async function readCollations(reading: Reading): Promise<Draft[]> {
  const rows = await readRows<CollationRow>(reading, query(reading))
  return rows.map((row) => render(reading, row))
}

function query(reading: Reading): Sql {
  const locale = reading.version >= 170_000 ? 'c.colllocale' : 'c.colliculocale'
  const rules = reading.version >= 160_000 ? 'c.collicurules' : 'null'
  return sql`
    select c.oid,
      format('%I.%I', n.nspname, c.collname) as name,
      c.collprovider as provider,
      c.collisdeterministic as deterministic,
      c.collcollate as collate,
      c.collctype as ctype,
      ${sql.raw(locale)}::text as locale,
      ${sql.raw(rules)}::text as rules,
      ${attributeColumns({ catalog: 'pg_collation', oid: 'c.oid', owner: 'c.collowner' })}
    from pg_collation c
    join pg_namespace n on n.oid = c.collnamespace
    where ${inSchemas(reading, 'c.collnamespace')}
      and ${named(reading, 'c.collname')}
      and ${notOfExtension('pg_collation', 'c.oid')}`
}

const providers: Readonly<Record<string, string>> = { c: 'libc', i: 'icu', b: 'builtin', d: 'default' }

function render(reading: Reading, row: CollationRow): Draft {
  const parameters = [
    `provider = ${providers[row.provider] ?? row.provider}`,
    ...(row.deterministic ? [] : ['deterministic = false']),
    ...(row.locale === null ? [] : [`locale = ${quoteLiteral(row.locale)}`]),
    ...(row.collate === null ? [] : [`lc_collate = ${quoteLiteral(row.collate)}`]),
    ...(row.ctype === null ? [] : [`lc_ctype = ${quoteLiteral(row.ctype)}`]),
    ...(row.rules === null ? [] : [`rules = ${quoteLiteral(row.rules)}`]),
  ]
  const attributes = renderAttributes(reading, { noun: 'collation', name: row.name }, row)
  return {
    kind: 'collation',
    identity: `collation ${row.name}`,
    statements: [`create collation ${row.name} (${parameters.join(', ')});`, ...attributes.statements],
    roles: attributes.roles,
    addresses: [addressOf('pg_collation', row.oid)],
  }
}
