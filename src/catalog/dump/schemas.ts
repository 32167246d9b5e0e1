// Schemas. Every database is born with "public", usable by everyone; so a database that has none says so.

import { sql } from '../../sql/sql.ts'
import { grantsColumn, renderAttributes, type AttributeRow } from './attributes.ts'
import { addressOf, type Draft } from './object.ts'
import { inSchemas, named, notOfExtension, readRows, type Reading } from './reading.ts'

interface SchemaRow extends AttributeRow {
  readonly oid: number
  readonly name: string
}

export async function readSchemas(reading: Reading): Promise<Draft[]> {
  const rows = await readRows<SchemaRow>(reading, query(reading))
  const drafts = rows.map((row) => render(reading, row))
  if (reading.whole && reading.names === undefined && !rows.some((row) => row.name === 'public'))
    drafts.push(await renderNoPublic(reading))
  return drafts.filter((draft) => draft.statements.length > 0)
}

function query(reading: Reading): ReturnType<typeof sql> {
  // What initdb grants on "public"; where the schema was dropped and made again, that was not granted.
  const baseline = `acldefault('n', n.nspowner)
            || case n.nspname when 'public' then array[makeaclitem(0, n.nspowner, 'USAGE', false)] else '{}' end`
  return sql`
    select n.oid,
      quote_ident(n.nspname) as name,
      quote_ident(pg_get_userbyid(n.nspowner)) as owner,
      case
        when n.nspname = 'public' and obj_description(n.oid, 'pg_namespace') = 'standard public schema' then null
        else obj_description(n.oid, 'pg_namespace')
      end as comment,
      ${grantsColumn(`(case n.nspname when 'public' then coalesce(n.nspacl, acldefault('n', n.nspowner)) else n.nspacl end)`, baseline, 'n.nspowner')} as grants
    from pg_namespace n
    where ${inSchemas(reading, 'n.oid')}
      and ${named(reading, 'n.nspname')}
      and (n.nspname = 'public' or (${notOfExtension('pg_namespace', 'n.oid')}))`
}

function render(reading: Reading, row: SchemaRow): Draft {
  const attributes = renderAttributes(reading, { noun: 'schema', name: row.name }, row)
  return {
    kind: 'schema',
    identity: `schema ${row.name}`,
    statements: [`create schema if not exists ${row.name};`, ...attributes.statements],
    roles: attributes.roles,
    addresses: [addressOf('pg_namespace', row.oid)],
  }
}

async function renderNoPublic(reading: Reading): Promise<Draft> {
  const { rows } = await reading.session.query<{ present: boolean }>(
    sql`select to_regnamespace('public') is not null as present`,
  )
  const absent = rows[0]?.present === false
  return {
    kind: 'schema',
    identity: 'schema public',
    statements: absent ? ['drop schema if exists public;'] : [],
    addresses: [],
  }
}
