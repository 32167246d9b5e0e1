// What the query of a view reads: relations with their columns, as the catalog has it, and functions. Of what it reads of a function
// the catalog knows nothing, so every name in the text counts that may be a column.

import type { Use } from '../plan/index.ts'
import type { Queryable } from '../db/db.ts'
import { sql, type Sql } from '../sql/sql.ts'
import { listOf, stringOf } from './ast.ts'
import { placeOf } from './names.ts'
import type { PlainView } from './options.ts'
import { readText } from './reading.ts'

export interface SourceRead {
  readonly schema: string
  readonly name: string
  /** Null: of a function. */
  readonly columns: readonly string[] | null
}

/** Of pg_class `c`. */
export const sourcesRead: Sql = sql`coalesce((
        select jsonb_agg(jsonb_build_object('schema', source.schema, 'name', source.name, 'columns', source.columns))
        from (
          select n.nspname as schema, r.relname as name,
            array_agg(a.attname) filter (where a.attname is not null) || '{}'::name[] as columns
          from pg_rewrite w
          join pg_depend d on d.classid = 'pg_rewrite'::regclass
            and d.objid = w.oid
            and d.refclassid = 'pg_class'::regclass
            and d.deptype = 'n'
          join pg_class r on r.oid = d.refobjid
          join pg_namespace n on n.oid = r.relnamespace
          left join pg_attribute a on a.attrelid = r.oid and a.attnum = d.refobjsubid
          where w.ev_class = c.oid
          group by n.nspname, r.relname
          union all
          select distinct n.nspname, p.proname, null::name[]
          from pg_rewrite w
          join pg_depend d on d.classid = 'pg_rewrite'::regclass
            and d.objid = w.oid
            and d.refclassid = 'pg_proc'::regclass
          join pg_proc p on p.oid = d.refobjid
          join pg_namespace n on n.oid = p.pronamespace
          where w.ev_class = c.oid
        ) as source
      ), '[]')`

export async function findFunctionReaders<View extends Pick<PlainView, 'schema' | 'name'>>(
  on: Queryable,
  views: readonly View[],
): Promise<readonly View[]> {
  const { rows } = await on.query<{ sources: readonly SourceRead[] }>(sql`
    select ${sourcesRead} as sources
    from unnest(${views.map(placeOf)}::text[]) with ordinality as wanted (place, number)
    left join pg_class c on c.oid = to_regclass(wanted.place)
    order by number`)
  return views.filter((_, index) => rows[index]?.sources.some(({ columns }) => columns === null) === true)
}

interface Reading extends Pick<Use, 'isPending'> {
  readonly sources: readonly SourceRead[]
  readonly text: string
}

/** `reader`: the identity of the view that is made by `text`. */
export async function readUses(reader: string, { sources, text, isPending }: Reading): Promise<readonly Use[]> {
  const readsFunction = sources.some(({ columns }) => columns === null)
  const names = readsFunction ? await namesIn(reader, text) : []
  return sources.map(({ schema, name, columns }) => ({
    reader,
    schema,
    name,
    columns: columns ?? names,
    isCertain: columns !== null,
    isPending,
  }))
}

async function namesIn(name: string, text: string): Promise<readonly string[]> {
  const read = await readText({ name, sql: text })
  if ('why' in read) return []
  const names = new Set<string>()
  const walk = (value: unknown): void => {
    if (Array.isArray(value)) for (const inner of value) walk(inner)
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return
    for (const [key, inner] of Object.entries(value)) {
      if (key !== 'ColumnRef') walk(inner)
      else for (const field of listOf((inner as { readonly fields?: unknown }).fields)) names.add(stringOf(field) ?? '')
    }
  }
  walk(read.node)
  return [...names]
}
