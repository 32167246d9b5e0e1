// Whether a table of schema pgstrata is there and may be read. Asked of the catalog: to_regclass() fails for who may not use the schema.

import type { Ask } from '../../db/own-questions.ts'
import { sql } from '../../sql/sql.ts'

export async function mayRead(ask: Ask, table: string): Promise<boolean> {
  const rows = await ask(sql`
    select
    from pg_class c
      join pg_namespace n on n.oid = c.relnamespace
    where n.nspname = 'pgstrata'
      and c.relname = ${table}
      and has_schema_privilege(n.oid, 'usage')
      and has_table_privilege(c.oid, 'select')`)
  return rows.length > 0
}
