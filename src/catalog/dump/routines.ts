// Functions, window functions and procedures, as pg_get_functiondef writes them. A routine is known by its name and
// the types of its arguments.

import { sql, type Sql } from '../../sql/sql.ts'
import { attributeColumns, renderAttributes, type AttributeRow } from './attributes.ts'
import { addressOf, type Draft } from './object.ts'
import { definition, inSchemas, named, notMadeAlong, notOfExtension, readRows, type Reading } from './reading.ts'

interface RoutineRow extends AttributeRow {
  readonly oid: number
  readonly name: string
  readonly signature: string
  readonly procedure: boolean
  readonly definition: string | null
}

export async function readRoutines(reading: Reading): Promise<Draft[]> {
  const rows = await readRows<RoutineRow>(reading, query(reading))
  return rows.map((row) => render(reading, row))
}

function query(reading: Reading): Sql {
  return sql`
    select p.oid, p.proname::text as name,
      format('%I.%I(%s)', n.nspname, p.proname, oidvectortypes(p.proargtypes)) as signature,
      p.prokind = 'p' as procedure,
      pg_get_functiondef(p.oid) as definition,
      ${attributeColumns({ catalog: 'pg_proc', oid: 'p.oid', owner: 'p.proowner', acl: 'p.proacl', aclKind: "'f'" })}
    from pg_proc p
    join pg_namespace n on n.oid = p.pronamespace
    where ${inSchemas(reading, 'p.pronamespace')}
      and ${named(reading, 'p.proname')}
      and p.prokind <> 'a'
      and ${notOfExtension('pg_proc', 'p.oid')}
      and ${notMadeAlong('pg_proc', 'p.oid')}`
}

function render(reading: Reading, row: RoutineRow): Draft {
  const kind = row.procedure ? 'procedure' : 'function'
  const attributes = renderAttributes(reading, { noun: kind, name: row.signature }, row)
  return {
    kind,
    identity: `${kind} ${row.signature}`,
    statements: [`${definition(row.definition, `The ${kind} ${row.signature}`).trimEnd()};`, ...attributes.statements],
    name: row.name,
    roles: attributes.roles,
    addresses: [addressOf('pg_proc', row.oid)],
  }
}
