// Extensions, by name and schema; the version is that of the server the text is run on. What an extension owns is
// not read, but for grants: see extension-grants.ts. plpgsql is in every database and is left out.

import { sql } from '../../sql/sql.ts'
import { renderComment } from './attributes.ts'
import { addressOf, type Draft } from './object.ts'
import { inSchemas, named, readRows, type Reading } from './reading.ts'

interface ExtensionRow {
  readonly oid: number
  readonly name: string
  readonly schema: string
  readonly schemaRead: boolean
  readonly comment: string | null
}

export async function readExtensions(reading: Reading): Promise<Draft[]> {
  // The comment that comes with the extension's control file is part of it.
  const rows = await readRows<ExtensionRow>(
    reading,
    sql`
    select e.oid,
      quote_ident(e.extname) as name,
      quote_ident(n.nspname) as schema,
      ${inSchemas(reading, 'n.oid')} as "schemaRead",
      nullif(
        obj_description(e.oid, 'pg_extension'),
        (select a.comment from pg_available_extensions a where a.name = e.extname)
      ) as comment
    from pg_extension e
    join pg_namespace n on n.oid = e.extnamespace
    where e.extname <> 'plpgsql'
      and ${named(reading, 'e.extname')}`,
  )
  return rows.map((row) => render(reading, row))
}

function render(reading: Reading, row: ExtensionRow): Draft {
  return {
    kind: 'extension',
    identity: `extension ${row.name}`,
    statements: [
      ...(row.schemaRead || row.schema === 'pg_catalog' ? [] : [`create schema if not exists ${row.schema};`]),
      `create extension if not exists ${row.name} with schema ${row.schema};`,
      ...renderComment(reading, `extension ${row.name}`, row.comment),
    ],
    after: [`schema ${row.schema}`],
    addresses: [addressOf('pg_extension', row.oid)],
  }
}
