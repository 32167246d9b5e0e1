// Functions with a body that SQL parsed (BEGIN ATOMIC, RETURN …): bound to the table's oid like views, made again from
// their text like them, but for those of a session's own schema, which nobody else can make. Functions whose body is a string name the table by its name, and find the new one.

import { readRows } from '../../../catalog/dump/reading.ts'
import { sql } from '../../../sql/sql.ts'
import { bare, type Bound } from './context.ts'
import { carried, type BoundItem } from './item.ts'

export async function readFunctions(bound: Bound): Promise<readonly BoundItem[]> {
  const found = bound.dependents.filter(({ catalog }) => catalog === 'pg_proc')
  const typed = new Set(found.filter(({ on }) => on !== 'table').map(({ oid }) => oid))
  const rows = await readRows<{ oid: number; name: string; definition: string }>(
    bound.reading,
    sql`
    select p.oid,
      p.oid::regprocedure::text as name,
      pg_get_functiondef(p.oid) as definition
    from pg_proc p
    where p.oid = any(${found.map(({ oid }) => oid).filter((oid) => !typed.has(oid))}::oid[])
      and p.prosqlbody is not null
      and not starts_with(p.pronamespace::regnamespace::text, 'pg_temp_')
    order by name`,
  )
  return rows.map((row) =>
    carried(
      {
        kind: 'function',
        name: row.name,
        how: 'Its body is bound to the table: it is made again in the swap, from its own text.',
      },
      { statements: { adopt: [bare(row.definition)] } },
    ),
  )
}
