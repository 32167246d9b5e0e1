// What the tables of a statement are: archived ones, and those that the database has now.

import type { Queryable } from '../../db/db.ts'
import { readTiered } from '../../catalog/tiered.ts'
import { quoteQualified } from '../../sql/quote.ts'
import { sql } from '../../sql/sql.ts'
import type { AskedTable } from './asked-tables.ts'

export interface FoundTable {
  readonly schema: string
  readonly name: string
  /** What has its rows in the database, quoted: its history, where it has tiers. Undefined: it is not there any more. */
  readonly relation: string | undefined
  /** What it is partitioned by. */
  readonly axis: { readonly name: string; readonly type: string } | undefined
}

interface Row {
  readonly schema: string
  readonly name: string
  readonly there: boolean
  readonly axis: string | null
  readonly type: string | null
}

/** Unknown names are left to DuckDB. */
export async function findTables(on: Queryable, asked: readonly AskedTable[]): Promise<readonly FoundTable[]> {
  const found = new Map<string, FoundTable>()
  for (const one of asked) {
    for (const row of await readCandidates(on, one)) {
      const { schema, name, there, axis, type } = row
      const key = quoteQualified(schema, name)
      const tiered = there ? await readTiered(on, { schema, table: name }) : undefined
      found.set(key, {
        schema,
        name,
        relation: there ? (tiered?.history ?? key) : undefined,
        axis: axis === null || type === null ? undefined : { name: axis, type },
      })
    }
  }
  return [...found.values()]
}

/** DuckDB takes names in either case. Those of schema "public" come last: an unqualified name is theirs. */
async function readCandidates(on: Queryable, { schema: within, table }: AskedTable): Promise<readonly Row[]> {
  const schema = within ?? null
  const { rows } = await on.query<Row>(sql`
    with live as (
      select n.nspname::text as schema, c.relname::text as name, c.oid
      from pg_class c
      join pg_namespace n on n.oid = c.relnamespace
      where lower(c.relname) = lower(${table})
        and c.relkind in ('r', 'p', 'v', 'm', 'f')
        and n.nspname not like 'pg\\_%'
        and n.nspname not in ('pgstrata', 'information_schema')
    ), known as (
      select schema, name from live
      union
      select schema_name, table_name from pgstrata.archive where lower(table_name) = lower(${table})
    )
    select k.schema, k.name, l.oid is not null as there, a.attname::text as axis,
      format_type(a.atttypid, a.atttypmod) as type
    from known k
    left join live l using (schema, name)
    left join pg_partitioned_table p on p.partrelid = l.oid
    left join pg_attribute a on a.attrelid = p.partrelid and a.attnum = p.partattrs[0]
    where ${schema}::text is null or lower(k.schema) = lower(${schema})
    order by k.schema = 'public', k.schema, k.name`)
  return rows
}
